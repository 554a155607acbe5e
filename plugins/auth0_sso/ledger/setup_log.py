"""What is known of the customers' setups: the events of the tenant's logs, and how far each connection has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from auth0_sso.ledger import schema
from auth0_sso.ledger.database import LedgerDatabase, chunks
from auth0_sso.ledger.records import Entry
from auth0_sso.models import (
    ARRIVED,
    GENERATED_EVENT,
    OPENED_EVENT,
    LinkState,
    ProspectSetup,
    Setup,
    SetupEvent,
    SetupState,
    Spans,
    openings_by_customer,
    scanner_spans,
)

MAX_AGE = 2 * 86_400.0
"""Seconds after which nothing is decided by what was found out about a setup: the connection may be gone since."""

e, s, r = schema.setup_events, schema.setups, schema.setup_reads
t, d = schema.tickets, schema.deliveries


@dataclass(frozen=True)
class KnownSetup:
    """
    A setup as the ledger has it.

    :param updated_at: when that was found out, UNIX seconds.
    """

    setup: Setup
    updated_at: float


@dataclass(frozen=True)
class ReadTime:
    """The time of which a tenant's logs are read without a gap; UNIX seconds."""

    read_from: float
    read_until: float


@dataclass(frozen=True)
class Followed:
    """
    What is known of a connection that a link is for.

    :param known: None if nothing was found out about its setup.
    :param openings: when its links were opened, UNIX seconds, by flow type.
    :param spans: when openings are a mail scanner's, after its links were made or mailed: no log says which of its
        links was opened.
    """

    known: KnownSetup | None = None
    openings: Mapping[str, Sequence[float]] = field(default_factory=dict)
    spans: Spans = ()

    def setup(self, now: float) -> Setup | None:
        """Return how far the setup has come; None if that was found out too long ago to rely on."""
        is_recent = self.known is not None and now - self.known.updated_at <= MAX_AGE
        return self.known.setup if self.known is not None and is_recent else None

    def link_state(self, entry: Entry, now: float) -> LinkState:
        """Return what the link of an entry for this connection is worth."""
        return entry.link_state(self.openings.get(entry.flow_type, ()), now, self.spans)

    def was_opened(self, entry: Entry) -> bool:
        """Whether a customer has opened a link for this connection since the one of an entry was made."""
        return bool(openings_by_customer(entry.created_at or 0.0, self.openings.get(entry.flow_type, ()), self.spans))

    def of_prospect(self, entry: Entry, now: float) -> ProspectSetup:
        """Return how far the prospect of an entry for this connection has come, however long ago that was found out."""
        return ProspectSetup(
            organization_id=entry.organization_id,
            organization_name=entry.organization_name,
            prospect_name=entry.prospect_name,
            prospect_email=entry.prospect_email,
            connection_name=entry.connection_name,
            link=self.link_state(entry, now),
            created_at=entry.created_at,
            setup=self.known.setup if self.known else Setup(SetupState.UNKNOWN),
            updated_at=self.known.updated_at if self.known else None,
        )


def known_setup(columns: Mapping[str, Any]) -> KnownSetup:
    """Return what a row of ``schema.setups`` knows; other columns of the mapping are ignored."""
    values = {name: columns[name] for name in _KNOWN}
    sources = tuple(filter(None, columns["seen_in"].split(",")))
    setup = Setup(state=SetupState(columns["state"]), seen_in=sources, **values)
    return KnownSetup(setup, columns["updated_at"])


_KNOWN = tuple(column.name for column in fields(Setup) if column.name not in ("state", "seen_in"))

NOT_FOLLOWED = Followed()
"""What is known of a connection that nobody has followed."""


class SetupLog:
    """The setups of one tenant."""

    def __init__(self, database: LedgerDatabase, tenant: str) -> None:
        self._engine = database.engine
        self._tenant = tenant

    def read(self) -> ReadTime | None:
        """Return the time of which the tenant's logs are read; None if they never were."""
        with self._engine.connect() as connection:
            found = connection.execute(select(r.c.read_from, r.c.read_until).where(r.c.tenant == self._tenant)).first()
        return ReadTime(found.read_from, found.read_until) if found else None

    def add_events(self, events: Iterable[SetupEvent], read: ReadTime) -> int:
        """
        Keep events, each once, and the time of which the logs are read; either both or nothing is kept.

        :return: how many of them are new.
        """
        by_id = {event.log_id: event for event in events}
        with self._engine.begin() as connection:
            new = by_id.keys() - self._known(connection, by_id)
            rows = [asdict(by_id[log_id]) | {"tenant": self._tenant} for log_id in sorted(new)]
            if rows:
                connection.execute(insert(e), rows)
            connection.execute(delete(r).where(r.c.tenant == self._tenant))
            connection.execute(insert(r).values(tenant=self._tenant, **asdict(read)))
        return len(rows)

    def events(self, connection_names: Collection[str]) -> dict[str, list[SetupEvent]]:
        """Return the events of some connections by name; one without events is left out."""
        found: dict[str, list[SetupEvent]] = defaultdict(list)
        columns = [column for column in e.c if column is not e.c.tenant]
        with self._engine.connect() as connection:
            for chunk in chunks(connection_names):
                query = select(*columns).where(e.c.tenant == self._tenant, e.c.connection_name.in_(chunk))
                for row in connection.execute(query):
                    found[row.connection_name].append(SetupEvent(**row._mapping))
        return found

    def followed(self, connection_names: Collection[str]) -> dict[str, Followed]:
        """Return what is known of some connections by name, of each of them something."""
        openings: dict[str, dict[str, list[float]]] = {name: {} for name in connection_names}
        is_opening = (e.c.tenant == self._tenant) & (e.c.name == OPENED_EVENT) & e.c.succeeded
        with self._engine.connect() as connection:
            for chunk in chunks(connection_names):
                query = select(e.c.connection_name, e.c.flow_type, e.c.at).where(
                    is_opening, e.c.connection_name.in_(chunk)
                )
                for name, flow_type, at in connection.execute(query):
                    openings[name].setdefault(flow_type, []).append(at)
        known, spans = self.setups(connection_names), self._scanner_spans(connection_names)
        return {name: Followed(known.get(name), of_name, spans.get(name, ())) for name, of_name in openings.items()}

    def _scanner_spans(self, connection_names: Collection[str]) -> dict[str, Spans]:
        """
        Return by the name of a connection when openings are a mail scanner's.

        A mail server may have a scanner open the link before it accepts the mail, so the time from its begin counts.
        """
        found: dict[str, set[tuple[float, float]]] = defaultdict(set)
        left_at = func.coalesce(d.c.sent_at, d.c.begun_at)
        made = select(t.c.connection_name, t.c.created_at, t.c.created_at).where(t.c.created_at.is_not(None))
        mailed = select(t.c.connection_name, d.c.begun_at, left_at).join(d, d.c.key == t.c.key)
        with self._engine.connect() as connection:
            for chunk in chunks(connection_names):
                of_chunk = (t.c.tenant == self._tenant) & t.c.connection_name.in_(chunk)
                for query in (made, mailed.where(d.c.status.in_(ARRIVED))):
                    for name, begin, end in connection.execute(query.where(of_chunk)):
                        found[name].add((begin, end))
        return {name: scanner_spans(moments) for name, moments in found.items()}

    def generated(self, connection_name: str, flow_type: str, since: float) -> list[float]:
        """Return when the tenant's logs say that tickets were made for a connection, from a UNIX time on."""
        query = select(e.c.at).where(
            e.c.tenant == self._tenant,
            e.c.connection_name == connection_name,
            e.c.name == GENERATED_EVENT,
            e.c.flow_type == flow_type,
            e.c.succeeded,
            e.c.at >= since,
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(query.order_by(e.c.at)))

    def has_generated(self, flow_type: str) -> bool:
        """Whether the tenant's logs tell of any ticket of a flow type that was made."""
        is_ticket = (e.c.tenant == self._tenant) & (e.c.name == GENERATED_EVENT) & (e.c.flow_type == flow_type)
        query = select(e.c.log_id).where(is_ticket, e.c.succeeded).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def keep(self, setups: Mapping[str, Setup], now: float) -> None:
        """Keep how far connections have come, by name, in place of what was known of them."""
        rows = [self._row(name, setup, now) for name, setup in setups.items()]
        with self._engine.begin() as connection:
            for chunk in chunks(setups):
                connection.execute(delete(s).where(s.c.tenant == self._tenant, s.c.connection_name.in_(chunk)))
            if rows:
                connection.execute(insert(s), rows)

    def setups(self, connection_names: Collection[str]) -> dict[str, KnownSetup]:
        """Return what is known of some connections by name; one of which nothing is known is left out."""
        found = {}
        with self._engine.connect() as connection:
            for chunk in chunks(connection_names):
                query = select(s).where(s.c.tenant == self._tenant, s.c.connection_name.in_(chunk))
                found.update({row.connection_name: known_setup(row._asdict()) for row in connection.execute(query)})
        return found

    def _known(self, connection: Connection, log_ids: Collection[str]) -> set[str]:
        known: set[str] = set()
        for chunk in chunks(log_ids):
            query = select(e.c.log_id).where(e.c.tenant == self._tenant, e.c.log_id.in_(chunk))
            known.update(connection.scalars(query))
        return known

    def _row(self, name: str, setup: Setup, now: float) -> dict[str, object]:
        values = asdict(setup) | {"state": str(setup.state), "seen_in": ",".join(setup.seen_in)}
        return values | {"tenant": self._tenant, "connection_name": name, "updated_at": now}
