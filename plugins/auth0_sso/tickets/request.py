"""Request one ticket from Auth0: the intent before the request, the result right after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from auth0_sso.exceptions import (
    Auth0ConflictError,
    Auth0Error,
    Auth0ProfileError,
    Auth0RowError,
    Auth0TransientError,
)
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.database import UncertainCommitError
from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.retry import OutageTimer
from auth0_sso.runtime.worker_pool import WorkerPool
from auth0_sso.tickets.record import recorded

_UNRECORDED = (
    "This link works, but the ledger may not know it. Do not mail it: clear the task, or run again, and mail the link "
    "that is reported then."
)
_REVOKED = "Auth0 created a link that the ledger could not record, so it was revoked: clear the task, or run again."


class TicketRequester:
    """
    Request tickets, each at the pool's rate and between an intent and a result in the ledger.

    :param workers: those that call it; between intent and result they aren't interrupted.
    :param outage: ends with each answer that accepts or refuses a request.
    """

    def __init__(
        self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt, workers: WorkerPool[Any], outage: OutageTimer
    ) -> None:
        self._hook = hook
        self._ledger = ledger
        self._attempt = attempt
        self._workers = workers
        self._known: dict[str, Entry] = {}
        self._outage = outage

    def last_known(self, spec: TicketSpec) -> Entry | None:
        """Return the prospect's entry as it was last read or written here."""
        return self._known.get(spec.key)

    async def look_up(self, spec: TicketSpec) -> Entry | None:
        """Read the prospect's entry."""
        entry = (await asyncio.to_thread(self._ledger.entries, [spec.key])).get(spec.key)
        if entry is not None:
            self._known[spec.key] = entry
        return entry

    async def request(self, spec: TicketSpec, seen: Entry | None) -> Entry:
        """
        Request a ticket once; return the entry with it, or with the refusal of this request.

        :param seen: the entry as it was when the request was decided on.
            One whose ticket was revoked goes first, so that few prospects are without one at any time.
        :raises StaleEntryError: if somebody else has written the entry meanwhile; decide again.
        :raises Auth0RunError: if nothing can succeed until settings are fixed.
        :raises Auth0TransientError: if it may be tried again later.
        """
        await self._hook.token()  # renewed before the slot is acquired, if need be
        is_without_link = seen is not None and self._attempt.left_without_link(seen)
        async with self._hook.require_rate_limiter().slot(first=is_without_link) as slot:
            await self._hook.token()  # a slot may take long: not between the intent and the request
            with self._workers.uninterrupted():
                answer_within = self._hook.settings.timeout + self._hook.timeouts.answer_grace
                intent = await self._write(self._ledger.begin, spec, seen, self._attempt, answer_within=answer_within)
                sent_at = self._ledger.now()
                try:
                    ticket = await self._hook.create_sso_ticket(
                        spec.profile_id, spec.body, custom_domain=spec.custom_domain, slot=slot
                    )
                except Auth0Error as error:
                    return await self._record_failure(intent, error, own_profile=bool(spec.request.profile_id))
                self._outage.end()
                return await self._record_ticket(intent, ticket, sent_at, spec.ttl)

    async def _record_ticket(self, intent: Entry, ticket: SsoTicket, sent_at: float, ttl: float) -> Entry:
        # The outcome has the ticket, even if it can't be recorded.
        self._known[intent.key] = replace(
            intent, ticket=ticket, created_at=sent_at, expires_at=sent_at + ttl, error=_UNRECORDED
        )
        try:
            return await self._record(self._ledger.record_created, intent, ticket, sent_at=sent_at, ttl=ttl)
        except StaleEntryError:
            recorded = (await asyncio.to_thread(self._ledger.entries, [intent.key])).get(intent.key)
            if recorded is not None and recorded.ticket == ticket:  # the connection broke just after the commit
                self._known[recorded.key] = recorded
                return recorded
            # The answer came so late that somebody else has requested another ticket, which counts.
            await self._take_back(intent, ticket)
            raise
        except UncertainCommitError:  # it may be recorded, and then counts; if not, its row is flagged
            raise
        except Exception:
            await self._take_back(intent, ticket)
            raise

    async def _take_back(self, intent: Entry, ticket: SsoTicket) -> None:
        """Revoke a ticket that nobody will know; if it can't be revoked, its row is flagged anyway."""
        with suppress(Auth0Error):
            await self._hook.revoke_sso_ticket(intent.profile_id, ticket.ticket_id)
            self._known[intent.key] = replace(intent, error=_REVOKED)

    async def _record_failure(self, intent: Entry, error: Auth0Error, *, own_profile: bool) -> Entry:
        if not isinstance(error, Auth0TransientError):
            self._outage.end()
        if isinstance(error, Auth0RowError) or (isinstance(error, Auth0ProfileError) and own_profile):
            status = EntryStatus.CONFLICT if isinstance(error, Auth0ConflictError) else EntryStatus.FAILED
            return await self._record(self._ledger.record_refused, intent, status, str(error))
        # A stale entry changes nothing: an attempt that seemed lost has written it, or another task has the next one.
        with suppress(StaleEntryError):
            if isinstance(error, Auth0TransientError) and error.ambiguous:
                await self._record(self._ledger.record_unknown, intent, str(error))
            else:
                await self._record(self._ledger.record_refused, intent, EntryStatus.DEFERRED, str(error))
        raise error

    async def _record(self, write: Callable[..., Entry], *args: Any, **kwargs: Any) -> Entry:
        """Record what came back, see :func:`~auth0_sso.tickets.record.recorded`."""
        entry = await recorded(write, *args, timeouts=self._hook.timeouts, **kwargs)
        self._known[entry.key] = entry
        return entry

    async def _write(self, write: Callable[..., Entry], *args: Any, **kwargs: Any) -> Entry:
        entry = await asyncio.to_thread(write, *args, **kwargs)
        self._known[entry.key] = entry
        return entry
