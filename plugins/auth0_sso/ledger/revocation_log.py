"""Which tickets were revoked, when and by which run: kept for good, since a prospect's entry is written over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, Executable, insert, select

from auth0_sso.ledger import schema
from auth0_sso.ledger.records import Entry

_CHUNK = 500

t = schema.revocations


@dataclass(frozen=True)
class Revocation:
    """
    A revoked ticket.

    :param key: the prospect's key in the ledger.
    :param created_at: when the ticket was made, UNIX seconds; with the key it names the ticket.
    :param ticket_id: its id, no secret any more.
    :param revoked_at: UNIX seconds.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked it.
    """

    key: str
    created_at: float
    ticket_id: str
    revoked_at: float
    revoked_by: str


class RevocationLog:
    """
    The book of revoked tickets.

    :param engine: the ledger's database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @staticmethod
    def entered(before: Entry, revoked: Entry) -> Iterator[Executable]:
        """Return what enters a revocation, for the transaction that writes the entry; nothing if it had no ticket."""
        if before.ticket is not None:
            yield insert(t).values(
                key=before.key,
                created_at=before.created_at,
                ticket_id=before.ticket.ticket_id,
                revoked_at=revoked.revoked_at,
                revoked_by=revoked.revoked_by,
            )

    def by_ticket(self, ticket_ids: Collection[str]) -> dict[str, Revocation]:
        """Return the revocations of those tickets that were revoked, by ticket id."""
        return {found.ticket_id: found for found in self._find(t.c.ticket_id, ticket_ids)}

    def by_prospect(self, keys: Collection[str]) -> dict[tuple[str, float], Revocation]:
        """Return all revocations of some prospects, by the ledger's key and when the ticket was made."""
        return {(found.key, found.created_at): found for found in self._find(t.c.key, keys)}

    def by_run(self, run: str) -> dict[str, Revocation]:
        """Return what a run, ``dag_id/run_id``, has revoked, by ticket id."""
        return {found.ticket_id: found for found in self._find(t.c.revoked_by, [run])}

    def _find(self, column: ColumnElement[str], wanted: Collection[str]) -> Iterator[Revocation]:
        listed = list(dict.fromkeys(wanted))
        with self._engine.connect() as connection:
            for start in range(0, len(listed), _CHUNK):
                query = select(t).where(column.in_(listed[start : start + _CHUNK]))
                for row in connection.execute(query):
                    yield Revocation(**row._mapping)
