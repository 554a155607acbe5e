"""What people look up in the ledger: prospects by a search text and a part, and how far a run has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_, select

from auth0_sso.ledger import schema
from auth0_sso.ledger.parts import FOLLOWED, Attention, Part, attention, condition, link_state
from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.setup_log import known_setup
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import LinkState, ProspectSetup, Setup, SetupState

t, s, r, i, d = schema.tickets, schema.setups, schema.setup_reads, schema.issued_tickets, schema.deliveries

_SEARCHED = (t.c.organization_id, t.c.organization_name, t.c.prospect, t.c.connection_name)
_NAMED = ("organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name", "created_at")
_SETUP_COLUMNS = [column for column in s.c if column.name not in ("tenant", "connection_name")]
_LATEST_FIRST = (t.c.requested_at.desc(), t.c.key)


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


@dataclass(frozen=True)
class Found:
    """An entry that was searched for, and why a person should look at its prospect."""

    entry: Entry
    attention: Sequence[Attention]


def search(
    ledger: Ledger, text: str, *, part: Part = Part.ALL, run: str = "", limit: int, offset: int = 0
) -> list[Found]:
    """
    Find the entries of a part that contain each word of a text, the latest request first.

    :func:`count_parts` says how many there are in all.

    :param text: parts of the organization's id or name, the prospect's address or name, or the connection's name;
        case does not count. Empty: all entries.
    :param run: ``dag_id/run_id``: only those whose link it has requested last, or mailed. Empty: of all runs.
    :return: the entries from ``offset`` on, at most ``limit``.
    """
    now = ledger.now()
    matching = (*_matching(text, run), condition(part, now))
    keys = select(t.c.key).select_from(FOLLOWED).where(*matching).order_by(*_LATEST_FIRST).limit(limit).offset(offset)
    reasons = attention(now)
    columns = [reason.label(name) for name, reason in reasons.items()]
    with ledger.database.engine.connect() as connection:
        wanted = list(connection.execute(keys).scalars())
        page = select(t.c.key, *columns).select_from(FOLLOWED).where(t.c.key.in_(wanted))
        of_key = {row.key: [name for name in reasons if row._mapping[name]] for row in connection.execute(page)}
    entries = ledger.entries(wanted)
    return [Found(entries[key], of_key.get(key, [])) for key in wanted if key in entries]


def count_parts(ledger: Ledger, text: str = "", *, run: str = "") -> dict[Part, int]:
    """Return how many entries :func:`search` finds of each part, without decrypting any."""
    now = ledger.now()
    columns = [func.sum(case((condition(part, now), 1), else_=0)).label(part) for part in Part]
    query = select(*columns).select_from(FOLLOWED).where(*_matching(text, run))
    with ledger.database.engine.connect() as connection:
        numbers = connection.execute(query).one()._mapping
    return {part: int(numbers[part] or 0) for part in Part}


def list_setups(ledger: Ledger, text: str, *, part: Part = Part.ALL, run: str = "", limit: int) -> list[ProspectSetup]:
    """Return how far prospects have come, at most ``limit`` of those that :func:`search` finds, without their links."""
    now = ledger.now()
    columns = (*(t.c[name] for name in _NAMED), link_state(now).label("link"), *_SETUP_COLUMNS)
    query = select(*columns).select_from(FOLLOWED).where(*_matching(text, run), condition(part, now))
    with ledger.database.engine.connect() as connection:
        rows = connection.execute(query.order_by(*_LATEST_FIRST).limit(limit)).mappings()
        return [_prospect_setup(dict(row)) for row in rows]


def last_followed(ledger: Ledger) -> float | None:
    """Return when it was last found out what customers do, UNIX seconds; None if it never was."""
    with ledger.database.engine.connect() as connection:
        read_until = connection.execute(select(func.max(r.c.read_until))).scalar_one()
        updated_at = connection.execute(select(func.max(s.c.updated_at))).scalar_one()
    return max((moment for moment in (read_until, updated_at) if moment is not None), default=None)


def times_made(ledger: Ledger, key: str) -> list[float]:
    """Return when the links of a prospect were made, UNIX seconds, the first one first; also of those that are gone."""
    query = select(i.c.created_at).where(i.c.key == key).order_by(i.c.created_at)
    with ledger.database.engine.connect() as connection:
        return list(connection.scalars(query))


def run_counts(ledger: Ledger, run: str, installation: str, seconds: float = 5.0) -> RunCounts:
    """Count the entries of a run, ``dag_id/run_id``, of that Airflow, without decrypting any."""
    of_run = (t.c.run == run) & (t.c.installation == installation)
    since = ledger.now() - seconds
    with ledger.database.engine.connect() as connection:
        rows = connection.execute(select(t.c.status, func.count()).where(of_run).group_by(t.c.status)).all()
        recent = connection.execute(select(func.count()).where(of_run, t.c.requested_at > since)).scalar_one()
    return RunCounts({EntryStatus(status): count for status, count in rows}, recent, seconds)


def count_mails(ledger: Ledger, run: str, installation: str) -> int:
    """Return how many mails a run, ``dag_id/run_id``, of that Airflow has begun to send."""
    query = select(func.count()).select_from(d).where(d.c.run == run, d.c.installation == installation)
    with ledger.database.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def _prospect_setup(columns: Mapping[str, Any]) -> ProspectSetup:
    known = known_setup(columns) if columns["state"] is not None else None
    return ProspectSetup(
        **{name: columns[name] for name in _NAMED},
        link=LinkState(columns["link"]),
        setup=known.setup if known else Setup(SetupState.UNKNOWN),
        updated_at=known.updated_at if known else None,
    )


def _matching(text: str, run: str) -> list[ColumnElement[bool]]:
    """Return the conditions of a search: each word of the text, and the run if there is one."""
    return [*_containing(text), *([_is_of_run(run)] if run else [])]


def _is_of_run(run: str) -> ColumnElement[bool]:
    was_mailed = exists().where(d.c.key == t.c.key, d.c.run == run).correlate(t)
    return (t.c.run == run) | was_mailed


def _containing(text: str) -> list[ColumnElement[bool]]:
    """Return the condition of each word of a text."""
    return [or_(*(_contains(column, word) for column in _SEARCHED)) for word in text.lower().split()]


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
