"""Ask Auth0 for one ticket: the intent before the request, the result right after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from auth0_sso.exceptions import (
    Auth0ConflictError,
    Auth0Error,
    Auth0ProfileError,
    Auth0RowError,
    Auth0WeatherError,
)
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.database import CommitInDoubtError, is_away
from auth0_sso.ledger.records import Ask, Entry, Round
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.retry import Silence
from auth0_sso.runtime.worker_pool import Workers

_UNRECORDED = (
    "This link works, but the ledger may not know it. Do not mail it: clear the task, or run again, and mail the link "
    "that is reported then."
)
_REVOKED = "Auth0 made a link that the ledger could not record, so it was revoked: clear the task, or run again."


class TicketAsker:
    """
    Ask for tickets, each request at the pacer's pace and between an intent and a result in the ledger.

    :param hook: an opened hook with a pacer.
    :param ledger: where intents and results are written.
    :param who: the run that asks.
    :param workers: those that ask; between intent and result they aren't interrupted.
    :param silence: ends with each yes or no.
    """

    def __init__(self, hook: Auth0Hook, ledger: Ledger, who: Round, workers: Workers[Any], silence: Silence) -> None:
        self._hook = hook
        self._ledger = ledger
        self._who = who
        self._workers = workers
        self._known: dict[str, Entry] = {}
        self._silence = silence

    def last_known(self, ask: Ask) -> Entry | None:
        """Return the prospect's entry as it was last read or written here."""
        return self._known.get(ask.key)

    async def look_up(self, ask: Ask) -> Entry | None:
        """Read the prospect's entry."""
        entry = (await asyncio.to_thread(self._ledger.entries, [ask.key])).get(ask.key)
        if entry is not None:
            self._known[ask.key] = entry
        return entry

    async def ask(self, ask: Ask, seen: Entry | None, *, own_profile: bool) -> Entry:
        """
        Ask for a ticket once.

        :param ask: what is asked.
        :param seen: the entry as it was when the decision to ask was made.
        :param own_profile: whether the profile is the row's own, so that an unknown one is the row's fault.
        :return: the entry with the ticket, or with the row's refusal: ``created``, ``conflict`` or ``failed``.
        :raises StaleEntryError: if somebody else has written the entry meanwhile; decide anew.
        :raises Auth0RunError: if nothing can succeed until settings are mended.
        :raises Auth0WeatherError: if it may be asked again later.
        """
        await self._hook.token()  # renewed before the turn, if need be
        async with self._hook.require_pacer().turn() as turn:
            await self._hook.token()  # the line may be long: not between the intent and the request
            with self._workers.uninterrupted():
                answer_within = self._hook.settings.timeout + self._hook.timeouts.answer_grace
                intent = await self._write(self._ledger.begin, ask, seen, self._who, answer_within=answer_within)
                sent_at = self._ledger.now()
                try:
                    ticket = await self._hook.create_sso_ticket(
                        ask.profile_id, ask.body, custom_domain=ask.custom_domain, turn=turn
                    )
                except Auth0Error as error:
                    return await self._record_failure(intent, error, own_profile)
                self._silence.end()
                return await self._record_ticket(intent, ticket, sent_at, ask.ttl)

    async def _record_ticket(self, intent: Entry, ticket: SsoTicket, sent_at: float, ttl: float) -> Entry:
        # Whatever keeps it from being recorded, the row's outcome has the ticket.
        self._known[intent.key] = replace(
            intent, ticket=ticket, created_at=sent_at, expires_at=sent_at + ttl, error=_UNRECORDED
        )
        try:
            return await self._record(self._ledger.record_created, intent, ticket, sent_at=sent_at, ttl=ttl)
        except StaleEntryError:
            there = (await asyncio.to_thread(self._ledger.entries, [intent.key])).get(intent.key)
            if there is not None and there.ticket == ticket:  # the ledger went away just after it had written it
                self._known[there.key] = there
                return there
            # The answer came so late that somebody else has asked again, and theirs counts.
            await self._take_back(intent, ticket)
            raise
        except CommitInDoubtError:  # it may be written down, and then counts; if not, its row is flagged
            raise
        except Exception:
            await self._take_back(intent, ticket)
            raise

    async def _take_back(self, intent: Entry, ticket: SsoTicket) -> None:
        """Revoke a ticket that nobody will know, so that it doesn't live; if it can't be, its row is flagged anyway."""
        with suppress(Auth0Error):
            await self._hook.revoke_sso_ticket(intent.profile_id, ticket.ticket_id)
            self._known[intent.key] = replace(intent, error=_REVOKED)

    async def _record_failure(self, intent: Entry, error: Auth0Error, own_profile: bool) -> Entry:
        if not isinstance(error, Auth0WeatherError):
            self._silence.end()
        if isinstance(error, Auth0RowError) or (isinstance(error, Auth0ProfileError) and own_profile):
            status = "conflict" if isinstance(error, Auth0ConflictError) else "failed"
            return await self._record(self._ledger.record_refused, intent, status, str(error))
        # A stale entry changes nothing: an attempt that seemed lost has written it, or another task asks by now.
        with suppress(StaleEntryError):
            if isinstance(error, Auth0WeatherError) and error.unanswered:
                await self._record(self._ledger.record_unanswered, intent, str(error))
            else:
                await self._record(self._ledger.record_refused, intent, "waiting", str(error))
        raise error

    async def _record(self, write: Callable[..., Entry], *what: Any, **more: Any) -> Entry:
        """
        Write down what came back. A ledger that is away is waited for: the answer would be lost with it.

        :raises CommitInDoubtError: if it stays away, and any of the attempts may have written it.
        """
        doubts: list[CommitInDoubtError] = []

        async def once() -> Entry:
            try:
                return await self._write(write, *what, **more)
            except CommitInDoubtError as error:
                doubts.append(error)
                raise

        trying = AsyncRetrying(
            retry=retry_if_exception(is_away),
            stop=stop_after_delay(self._hook.timeouts.ledger),
            wait=wait_fixed(self._hook.timeouts.poll),
            reraise=True,
        )
        try:
            return await trying(once)
        except DBAPIError as error:
            raise doubts[0] if doubts else error from None

    async def _write(self, write: Callable[..., Entry], *what: Any, **more: Any) -> Entry:
        entry = await asyncio.to_thread(write, *what, **more)
        self._known[entry.key] = entry
        return entry
