"""Revoke tickets that the ledger knows, at the pool's rate, and record that they are revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from auth0_sso.exceptions import Auth0Error, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.hooks.auth0 import REVOKE_SCOPE, Auth0Hook
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import IssuedTicket, RevocationOutcome, RevocationStatus, first_errors, name_some
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.worker_pool import WorkerPool, worker_count
from auth0_sso.tickets.decide import Action
from auth0_sso.tickets.record import recorded
from auth0_sso.tickets.revocations import TicketState, look_up_states


class TicketRevoker:
    """
    Revoke tickets that the ledger knows, through an open hook with a rate limiter, and keep what became of each.

    One that has expired is left alone; so is one that its prospect was given instead since it was selected. One of
    another tenant fails.

    :param attempt: the run that revokes.
    :param finished: results of tickets that need no request, see :func:`select_tickets`.
    :param dry_run: everything but the calls.
    """

    def __init__(
        self,
        tickets: Sequence[IssuedTicket],
        hook: Auth0Hook,
        ledger: Ledger,
        attempt: RunAttempt,
        *,
        finished: Sequence[RevocationOutcome] = (),
        dry_run: bool = False,
    ) -> None:
        self._tickets = tickets
        self._states: list[TicketState] = []
        self._hook = hook
        self._ledger = ledger
        self._attempt = attempt
        self._finished = finished
        self._dry_run = dry_run
        self._transient_error: Auth0TransientError | None = None
        self._outage = OutageTimer()
        self.workers: WorkerPool[TicketState] = WorkerPool(
            self._process, worker_count(hook.require_rate_limiter().rate)
        )

    async def run(self) -> None:
        """Revoke them all, unless an Auth0RunError says that none can be revoked until settings are fixed."""
        self._states = await asyncio.to_thread(lambda: list(look_up_states(self._ledger, self._tickets)))
        await self.workers.run(self._states)

    def results(self) -> list[dict[str, Any]]:
        """Return what became of each, as JSON can hold it; see :class:`~auth0_sso.models.RevocationOutcome`."""
        return [outcome.as_dict() for outcome in self._outcomes()]

    def raise_if_incomplete(self) -> None:
        """Raise Auth0TransientError if trying again later may help, or Auth0RowError if Auth0 refused some."""
        outcomes = self._outcomes()
        incomplete = [outcome for outcome in outcomes if outcome.is_incomplete]
        if not incomplete:  # as in TicketIssuer.raise_if_incomplete
            return
        organizations = list(dict.fromkeys(outcome.organization_id for outcome in incomplete))
        failed = [outcome for outcome in incomplete if outcome.status == RevocationStatus.FAILED]
        errors = " | ".join(first_errors((one.organization_id, one.error) for one in failed))
        message = (
            f"{len(incomplete)} of {len(outcomes)} tickets are not revoked{name_some(organizations, 'organization')}. "
            f"{errors}"
        )
        if self._transient_error is not None or self.workers.stopped:
            raise Auth0TransientError(message, advice=self.workers.stopped)
        raise Auth0RowError(message)

    def _outcomes(self) -> list[RevocationOutcome]:
        return [*self._finished, *map(self._outcome, self._states)]

    def _outcome(self, state: TicketState) -> RevocationOutcome:
        if state.status == RevocationStatus.NOT_ATTEMPTED:
            state = replace(state, error=self.workers.stopped)
        return state.outcome()

    async def _process(self, state: TicketState) -> None:
        if state.status != RevocationStatus.NOT_ATTEMPTED:
            return
        try:
            self._require_tenant_of(state.entry)
            if self._dry_run:
                state.status = RevocationStatus.PLANNED
            else:
                await self._revoke(state)
        except Auth0Error as error:
            state.status, state.error = RevocationStatus.FAILED, str(error)
            if isinstance(error, Auth0TransientError):
                self._transient_error = error
                if self._outage.seconds >= self._hook.timeouts.retry_budget:  # it isn't this ticket
                    self.workers.stop(self._outage.reason(error))
            elif isinstance(error, Auth0RunError):
                raise

    def _require_tenant_of(self, entry: Entry) -> None:
        """Check that it is the connection's tenant: any tenant says that it has revoked what it never created."""
        if entry.tenant != self._hook.settings.domain:
            raise Auth0RowError(
                f"This link is of the tenant {entry.tenant}, and the connection leads to {self._hook.settings.domain}.",
                advice="Run this with a connection to that tenant.",
            )

    async def _revoke(self, state: TicketState) -> None:
        """Revoke a ticket; after a transient error again, since revoking twice does no harm."""
        retry_budget = RetryBudget(self._outage, self._hook.timeouts)
        while True:
            (now,) = await asyncio.to_thread(lambda: list(look_up_states(self._ledger, [state.ticket])))
            state.entry, state.status, state.revocation = now.entry, now.status, now.revocation
            if state.status != RevocationStatus.NOT_ATTEMPTED:
                return
            try:
                await revoke_entry(state.entry, self._hook, self._ledger, self._attempt, self.workers)
                self._outage.end()
            except StaleEntryError:
                await asyncio.sleep(retry_budget.look_again())
            except Auth0TransientError as error:
                if self.workers.stopped:
                    raise
                await asyncio.sleep(retry_budget.next_delay(error, risked=False))


async def is_revoked_first(action: Action, hook: Auth0Hook) -> bool:
    """Whether the entry's ticket is revoked before another is requested: one that has expired only if the token may."""
    if action is Action.RETIRE:
        return REVOKE_SCOPE in (await hook.token()).scopes
    return action is Action.REPLACE


async def revoke_entry(
    entry: Entry,
    hook: Auth0Hook,
    ledger: Ledger,
    attempt: RunAttempt,
    workers: WorkerPool[Any],
    *,
    revoked_for: str = "",
) -> Entry:
    """
    Revoke an entry's ticket, which is not reused from the intent on; return the entry.

    :param revoked_for: the key of another prospect who gets a ticket in its place.
    :raises StaleEntryError: if the entry has changed.
    """
    await hook.require_scopes([REVOKE_SCOPE])  # renewed before the slot is acquired, if need be
    async with hook.require_rate_limiter().slot() as slot:
        with workers.uninterrupted():
            revoking = await asyncio.to_thread(ledger.record_revoking, entry, attempt.run)
            if entry.ticket is not None:
                await hook.revoke_sso_ticket(entry.profile_id, entry.ticket.ticket_id, slot=slot)
            write = partial(ledger.record_revoked, revoked_for=revoked_for, installation=attempt.installation)
            return await recorded(write, revoking, timeouts=hook.timeouts)
