"""Revoke tickets that the ledger knows, at the pool's pace, and write down that they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auth0_sso.exceptions import Auth0Error, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.hooks.auth0 import REVOKE_SCOPE, Auth0Hook
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.revocation_log import Revocation
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from auth0_sso.runtime.worker_pool import WorkerPool, worker_count
from auth0_sso.tickets.batch import IssuedTicket
from auth0_sso.tickets.decide import Action
from auth0_sso.tickets.revocations import finished_revocations, revocation_row


@dataclass
class _Revocation:
    entry: Entry
    ticket: IssuedTicket
    status: str
    done: Revocation | None
    error: str = field(default="", repr=False)

    @property
    def is_open(self) -> bool:
        """Whether nothing is known yet."""
        return self.status == "not_attempted"


class TicketRevoker:
    """
    Revoke tickets that the ledger knows and keep what became of each.

    One that is dead is left alone; so is one that its prospect was given instead since it was selected. One of
    another tenant fails.

    :param tickets: which; those of prospects that the ledger doesn't know are left out.
    :param hook: a hook with a pacer, opened while ``run`` runs.
    :param ledger: where it is written that they are revoked.
    :param run: ``dag_id/run_id`` of the run that revokes.
    :param finished: results of tickets that need no request, see :func:`select_tickets`.
    :param dry_run: everything but the calls.
    :param retry_budget: seconds for which bad weather may hold up one revocation.
    """

    def __init__(
        self,
        tickets: Sequence[IssuedTicket],
        hook: Auth0Hook,
        ledger: Ledger,
        run: str,
        *,
        finished: Sequence[dict[str, Any]] = (),
        dry_run: bool = False,
        retry_budget: float = DEFAULT_TIMEOUTS.retry_budget,
    ) -> None:
        self._revocations = [
            _Revocation(entry, ticket, status or "not_attempted", done)
            for entry, ticket, status, done in finished_revocations(ledger, tickets)
        ]
        self._finished = finished
        self._hook = hook
        self._ledger = ledger
        self._run = run
        self._dry_run = dry_run
        self._retry_budget = retry_budget
        self._transient_error: Auth0TransientError | None = None
        self._outage = OutageTimer()
        self._workers: WorkerPool[_Revocation] = WorkerPool(
            self._process, worker_count(hook.require_rate_limiter().rate)
        )

    async def run(self) -> None:
        """
        Revoke them all.

        :raises Auth0RunError: if nothing can succeed until settings are mended.
        """
        await self._workers.run(self._revocations)

    def stop(self, reason: str) -> None:
        """Send nothing more; what is under way is still answered and written down."""
        self._workers.stop(reason)

    def results(self) -> list[dict[str, Any]]:
        """Return what became of each, see :func:`auth0_sso.tickets.revocations.revocation_row`."""
        return [*self._finished, *map(self._result, self._revocations)]

    def raise_if_incomplete(self) -> None:
        """
        Check that every ticket is revoked.

        :raises Auth0TransientError: if trying again later may help.
        :raises Auth0RowError: if Auth0 refused to revoke some.
        """
        results = self.results()
        incomplete = [result for result in results if result["status"] in ("failed", "not_attempted")]
        said = f"{len(incomplete)} of {len(results)} tickets are not revoked."
        if self._transient_error is not None or self._workers.stopped:
            raise Auth0TransientError(said, advice=self._workers.stopped or str(self._transient_error))
        if incomplete:
            raise Auth0RowError(said, advice=incomplete[0]["error"])

    def _result(self, revocation: _Revocation) -> dict[str, Any]:
        error = revocation.error or (self._workers.stopped if revocation.is_open else "")
        return revocation_row(revocation.entry, revocation.ticket, revocation.status, revocation.done, error)

    async def _process(self, revocation: _Revocation) -> None:
        if not revocation.is_open:
            return
        try:
            self._require_tenant_of(revocation.entry)
            if self._dry_run:
                revocation.status = "planned"
            else:
                await self._revoke_patiently(revocation)
        except Auth0Error as error:
            revocation.status, revocation.error = "failed", str(error)
            if isinstance(error, Auth0TransientError):
                self._transient_error = error
                if self._outage.seconds >= self._retry_budget:  # it isn't this ticket
                    self._workers.stop(self._outage.reason(error))
            elif isinstance(error, Auth0RunError):
                raise

    def _require_tenant_of(self, entry: Entry) -> None:
        """Check that it is the connection's tenant, since any tenant answers that it has revoked what it never made."""
        if entry.tenant != self._hook.settings.domain:
            raise Auth0RowError(
                f"This link is of the tenant {entry.tenant}, and the connection leads to {self._hook.settings.domain}.",
                advice="Run this with a connection to that tenant.",
            )

    async def _revoke_patiently(self, revocation: _Revocation) -> None:
        """Revoking twice does no harm: whatever the weather is, and whoever else does it, it is done again."""
        retry_budget = RetryBudget(self._retry_budget, self._outage, self._hook.timeouts)
        while True:
            await self._look_again(revocation)
            if revocation.status != "not_attempted":
                return
            try:
                await revoke_entry(revocation.entry, self._hook, self._ledger, self._run, self._workers)
                self._outage.end()
            except StaleEntryError:
                await asyncio.sleep(retry_budget.look_again())
            except Auth0TransientError as error:
                if self._workers.stopped:
                    raise
                await asyncio.sleep(retry_budget.next_delay(error, risked=False))

    async def _look_again(self, revocation: _Revocation) -> None:
        found = await asyncio.to_thread(lambda: list(finished_revocations(self._ledger, [revocation.ticket])))
        ((revocation.entry, _, status, revocation.done),) = found
        revocation.status = status or "not_attempted"


async def is_revoked_first(action: Action, hook: Auth0Hook) -> bool:
    """Whether the entry's ticket is revoked before another is asked for; one that has expired only if the token may."""
    if action is Action.RETIRE:
        return REVOKE_SCOPE in (await hook.token()).scopes
    return action is Action.REPLACE


async def revoke_entry(entry: Entry, hook: Auth0Hook, ledger: Ledger, run: str, workers: WorkerPool[Any]) -> Entry:
    """
    Revoke an entry's ticket; from the intent on it is never reused, whatever happens.

    :return: the entry as it is now.
    :raises StaleEntryError: if somebody else has written the entry meanwhile.
    :raises Auth0Error: if it can't be revoked.
    """
    await hook.require_scopes([REVOKE_SCOPE])  # renewed before the turn, if need be
    async with hook.require_rate_limiter().slot() as slot:
        with workers.uninterrupted():
            leaving = await asyncio.to_thread(ledger.record_revoking, entry, run)
            if entry.ticket is not None:
                await hook.revoke_sso_ticket(entry.profile_id, entry.ticket.ticket_id, slot=slot)
            return await asyncio.to_thread(ledger.record_revoked, leaving)
