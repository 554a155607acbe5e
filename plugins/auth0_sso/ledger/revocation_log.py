"""Which tickets were revoked, when and by which run: kept for good, since a prospect's entry is written over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Executable, insert, select

from auth0_sso.ledger import schema
from auth0_sso.ledger.database import LedgerDatabase, chunks
from auth0_sso.ledger.records import Entry, RunAttempt

t = schema.revocations


@dataclass(frozen=True)
class Revocation:
    """
    A revoked ticket; times are UNIX seconds.

    :param key: the prospect's key in the ledger; with ``created_at`` it identifies the ticket.
    :param ticket_id: its id, no secret any more.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked it; ``installation`` is that of its Airflow.
    :param revoked_for: the key of the prospect who was to get a ticket in its place, mostly its own.
    """

    key: str
    created_at: float
    expires_at: float
    ticket_id: str
    revoked_at: float
    revoked_by: str
    revoked_for: str
    installation: str = ""

    @property
    def was_valid(self) -> bool:
        """Whether the ticket was valid when it was revoked, and not one that had just expired."""
        return self.revoked_at < self.expires_at


class RevocationLog:
    """The log of revoked tickets."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._engine = database.engine

    def by_ticket(self, ticket_ids: Collection[str]) -> dict[str, Revocation]:
        """Return the revocations of those tickets that were revoked, by ticket id."""
        return {found.ticket_id: found for found in self._find(t.c.ticket_id, ticket_ids)}

    def by_prospect(self, keys: Collection[str]) -> dict[tuple[str, float], Revocation]:
        """Return all revocations of some prospects, by the ledger's key and when the ticket was created."""
        return {(found.key, found.created_at): found for found in self._find(t.c.key, keys)}

    def by_run(self, attempt: RunAttempt) -> dict[str, Revocation]:
        """Return what a run has revoked, by ticket id."""
        found = self._find(t.c.revoked_by, [attempt.run])
        return {one.ticket_id: one for one in found if one.installation == attempt.installation}

    def _find(self, column: ColumnElement[str], values: Collection[str]) -> Iterator[Revocation]:
        with self._engine.connect() as connection:
            for chunk in chunks(values):
                for row in connection.execute(select(t).where(column.in_(chunk))):
                    yield Revocation(**row._mapping)


def log_revocation(before: Entry, revoked: Entry, *, revoked_for: str, installation: str) -> list[Executable]:
    """Return what logs a revocation, for the transaction that writes the entry; nothing if it had no ticket."""
    if before.ticket is None:
        return []
    return [
        insert(t).values(
            key=before.key,
            created_at=before.created_at,
            expires_at=before.expires_at,
            ticket_id=before.ticket.ticket_id,
            revoked_at=revoked.revoked_at,
            revoked_by=revoked.revoked_by,
            revoked_for=revoked_for,
            installation=installation,
        )
    ]
