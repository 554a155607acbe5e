"""Revoke tickets that the ledger knows, at the pool's pace, and write down that they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auth0_sso import waits
from auth0_sso.errors import Auth0Error, Auth0RowError, Auth0RunError, Auth0WeatherError
from auth0_sso.hook import REVOKE_SCOPE, Auth0Hook
from auth0_sso.ledger import Ledger, StaleEntryError
from auth0_sso.outcomes import iso
from auth0_sso.patience import Patience, Silence
from auth0_sso.records import Entry
from auth0_sso.workers import Workers, workers_for


@dataclass
class _Revocation:
    entry: Entry
    status: str = "not_attempted"
    revoked_at: float | None = None
    error: str = field(default="", repr=False)


class TicketRevoker:
    """
    Revoke the tickets of some of the ledger's entries and keep what became of each.

    A ticket that has expired, or is revoked already, is left alone.

    :param entries: whose tickets.
    :param hook: a hook with a pacer, opened while ``run`` runs.
    :param ledger: where it is written that they are revoked.
    :param run: ``dag_id/run_id`` of the run that revokes.
    :param simulate: everything but the calls.
    :param patience: seconds for which bad weather may hold up one revocation.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        hook: Auth0Hook,
        ledger: Ledger,
        run: str,
        *,
        simulate: bool = False,
        patience: float = waits.PATIENCE,
    ) -> None:
        self._revocations = [_Revocation(entry) for entry in entries]
        self._hook = hook
        self._ledger = ledger
        self._run = run
        self._simulate = simulate
        self._patience = patience
        self._weather: Auth0WeatherError | None = None
        self._silence = Silence()
        self._workers: Workers[_Revocation] = Workers(self._settle, workers_for(hook.require_pacer().rate))

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
        """Return what became of each, with the revocation report's columns; no ticket that still lives is named."""
        return [
            {
                "organization_id": revocation.entry.organization_id,
                "organization_name": revocation.entry.organization_name,
                "prospect": revocation.entry.prospect,
                "connection_name": revocation.entry.connection_name,
                "status": revocation.status,
                "created_at": iso(revocation.entry.created_at),
                "expires_at": iso(revocation.entry.expires_at),
                "revoked_at": iso(revocation.revoked_at),
                "error": revocation.error or (self._workers.stopped if revocation.status == "not_attempted" else ""),
            }
            for revocation in self._revocations
        ]

    def raise_if_owed(self) -> None:
        """
        Check that every ticket is revoked.

        :raises Auth0WeatherError: if trying again later may help.
        :raises Auth0RowError: if Auth0 refused to revoke some.
        """
        owed = [r for r in self._revocations if r.status in ("failed", "not_attempted")]
        said = f"{len(owed)} of {len(self._revocations)} tickets are not revoked."
        if self._weather is not None or self._workers.stopped:
            raise Auth0WeatherError(said, advice=self._workers.stopped or str(self._weather))
        if owed:
            raise Auth0RowError(said, advice=owed[0].error)

    async def _settle(self, revocation: _Revocation) -> None:
        if not (revocation.entry.is_live(time.time()) or revocation.entry.status == "revoking"):
            revocation.status = "revoked" if revocation.entry.status == "revoked" else "expired"
            revocation.revoked_at = revocation.entry.revoked_at
        elif self._simulate:
            revocation.status = "planned"
        else:
            await self._revoke_and_note(revocation)

    async def _revoke_and_note(self, revocation: _Revocation) -> None:
        try:
            entry = await self._revoke_patiently(revocation.entry)
            revocation.status, revocation.revoked_at = "revoked", entry.revoked_at
        except StaleEntryError:
            revocation.status, revocation.error = "failed", "Another task has replaced the ticket meanwhile."
        except Auth0Error as error:
            revocation.status, revocation.error = "failed", str(error)
            if isinstance(error, Auth0WeatherError):
                self._weather = error
                if self._silence.seconds >= self._patience:  # it isn't this ticket
                    self._workers.stop(self._silence.reason(error))
            elif isinstance(error, Auth0RunError):
                raise

    async def _revoke_patiently(self, entry: Entry) -> Entry:
        """Revoking twice does no harm, so whatever the weather is, it is simply done again."""
        patience = Patience(self._patience, self._silence)
        while True:
            entry = await self._latest(entry)
            if entry.status == "revoked":
                return entry
            try:
                entry = await revoke_entry(entry, self._hook, self._ledger, self._run, self._workers)
                self._silence.end()
                return entry
            except Auth0WeatherError as error:
                if self._workers.stopped:
                    raise
                await asyncio.sleep(patience.bear(error, risked=False))

    async def _latest(self, entry: Entry) -> Entry:
        latest = (await asyncio.to_thread(self._ledger.entries, [entry.key])).get(entry.key)
        if latest is None or (latest.ticket != entry.ticket and latest.status != "revoked"):
            raise StaleEntryError(entry.key)
        return latest


async def revoke_entry(entry: Entry, hook: Auth0Hook, ledger: Ledger, run: str, workers: Workers[Any]) -> Entry:
    """
    Revoke an entry's ticket; from the intent on it is never reused, whatever happens.

    :return: the entry as it is now.
    :raises StaleEntryError: if somebody else has written the entry meanwhile.
    :raises Auth0Error: if it can't be revoked.
    """
    await hook.require_scopes([REVOKE_SCOPE])  # renewed before the turn, if need be
    async with hook.require_pacer().turn() as turn:
        with workers.uninterrupted():
            leaving = await asyncio.to_thread(ledger.record_revoking, entry)
            if entry.ticket is not None:
                await hook.revoke_sso_ticket(entry.profile_id, entry.ticket.ticket_id, turn=turn)
            return await asyncio.to_thread(ledger.record_revoked, leaving, run)
