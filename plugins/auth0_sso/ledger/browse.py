"""What people look up in the ledger: prospects by a search text, and how far a run has come."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.schema import tickets as t
from auth0_sso.ledger.store import Ledger

_SEARCHED = (t.c.organization_id, t.c.organization_name, t.c.prospect, t.c.connection_name)


@dataclass(frozen=True)
class RunCounts:
    """
    How far a run has come.

    :param by_status: entries whose last request was this run's.
    :param recent: how many of those requests were sent in the last ``seconds``.
    """

    by_status: dict[EntryStatus, int]
    recent: int
    seconds: float


def search(ledger: Ledger, text: str, *, limit: int, offset: int = 0) -> tuple[list[Entry], int]:
    """
    Find the entries that contain each word of a text, the latest request first.

    :param text: parts of the organization's id or name, the prospect's address or name, or the connection's name;
        case does not count. Empty: all entries.
    :return: the entries from ``offset`` on, at most ``limit``, and how many there are in all.
    """
    conditions = [or_(*(_contains(column, word) for column in _SEARCHED)) for word in text.lower().split()]
    found = select(t.c.key).where(*conditions)
    page = found.order_by(t.c.requested_at.desc(), t.c.key).limit(limit).offset(offset)
    with ledger.database.engine.connect() as connection:
        total = connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()
        keys = list(connection.execute(page).scalars())
    entries = ledger.entries(keys)
    return [entries[key] for key in keys if key in entries], total


def run_counts(ledger: Ledger, run: str, installation: str, seconds: float = 5.0) -> RunCounts:
    """Count the entries of a run, ``dag_id/run_id``, of that Airflow, without decrypting any."""
    of_run = (t.c.run == run) & (t.c.installation == installation)
    since = ledger.now() - seconds
    with ledger.database.engine.connect() as connection:
        rows = connection.execute(select(t.c.status, func.count()).where(of_run).group_by(t.c.status)).all()
        recent = connection.execute(select(func.count()).where(of_run, t.c.requested_at > since)).scalar_one()
    return RunCounts({EntryStatus(status): count for status, count in rows}, recent, seconds)


def _contains(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """
    Compare in lower case.

    SQLite, and PostgreSQL with the locale C, know the lower case of ASCII alone. So the word's other letters are
    replaced one by one.
    """
    lower = func.lower(column)
    others = [letter for letter in dict.fromkeys(word) if not letter.isascii() and len(letter.upper()) == 1]
    if others:
        lower = func.translate(lower, "".join(others).upper(), "".join(others))
    return lower.like(f"%{_escaped(word)}%", escape="\\")


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
