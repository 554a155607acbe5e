"""Rows that are one prospect's: one ask, one ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from auth0_sso.batch import TicketRequest
from auth0_sso.records import Ask, Entry


@dataclass(frozen=True)
class Prospect:
    """
    The rows of a prospect, which share a ticket.

    :param rows: each with what it would ask for, which may differ; the first is the one that is asked for.
    """

    rows: list[tuple[TicketRequest, Ask]]

    @property
    def ask(self) -> Ask:
        """What is asked for."""
        return self.rows[0][1]

    @property
    def requests(self) -> list[TicketRequest]:
        """The rows alone."""
        return [request for request, _ in self.rows]

    def as_asked_before(self, entry: Entry | None, now: float) -> Prospect:
        """
        Return the prospect with that row first from which its ticket that lives was made.

        Otherwise rows that come in another order would replace it.

        :param entry: what the ledger knows of it, if anything.
        :param now: UNIX seconds.
        """
        if entry is None or not entry.is_live(now):
            return self
        return Prospect(sorted(self.rows, key=lambda row: row[1].fingerprint != entry.fingerprint))


def prospects_of(requests: Iterable[TicketRequest], ask_for: Callable[[TicketRequest], Ask]) -> list[Prospect]:
    """
    Divide rows among their prospects, in the order of the first rows.

    :param requests: the rows.
    :param ask_for: tells what a row asks for.
    """
    by_key: dict[str, Prospect] = {}
    for request in requests:
        ask = ask_for(request)
        by_key.setdefault(ask.key, Prospect([])).rows.append((request, ask))
    return list(by_key.values())
