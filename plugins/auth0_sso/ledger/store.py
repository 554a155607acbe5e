"""
The ledger: what was requested of Auth0 for each prospect, and what came back.

It outlives retries, clears, runs and Airflow's own metadata. An intent is committed before each POST and its result
right after, so that after a kill exactly the requests are known whose answer was never seen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import URL, ColumnElement, Executable, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.ledger import schema
from auth0_sso.ledger.database import LedgerDatabase, chunks, committed, connect, ledger_url
from auth0_sso.ledger.records import MAY_WORK, NO_ANSWER, Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.revocation_log import log_revocation
from auth0_sso.models import OPEN_SECONDS, SsoTicket
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

t, i = schema.tickets, schema.issued_tickets


class StaleEntryError(Exception):
    """Another task has written this prospect's entry since it was read."""


class Ledger:
    """The entries of the prospects. A token store and a revocation log can be built from the same ``database``."""

    def __init__(self, database: LedgerDatabase) -> None:
        self.database = database
        self._engine = database.engine
        self._cipher = database.cipher

    def now(self) -> float:
        """Return the UNIX time of the ledger, see :class:`LedgerClock`: what its entries are compared with."""
        return self.database.clock.now()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def is_empty(self) -> bool:
        """Whether it has no entry at all."""
        with self._engine.connect() as connection:
            return connection.execute(select(t.c.key).limit(1)).first() is None

    def entries(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return the entries of those prospects that have one, by key."""
        return {entry.key: entry for chunk in chunks(keys) for entry in self._select(t.c.key.in_(chunk))}

    def entries_of_run(self, run: str) -> list[Entry]:
        """Return the entries whose last request was this run's."""
        return self._select(t.c.run == run)

    def connection_names(self, keys: Collection[str]) -> dict[str, str]:
        """Return the connection's name of those prospects that have an entry, by key."""
        found: dict[str, str] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(keys):
                rows = connection.execute(select(t.c.key, t.c.connection_name).where(t.c.key.in_(chunk)))
                found.update({row.key: row.connection_name for row in rows})
        return found

    def entries_for(
        self, tenant: str, connections: Collection[str], attempt: RunAttempt, *, besides: Collection[str]
    ) -> list[Entry]:
        """
        Return the entries of a tenant whose tickets may work, for connections of these names or ids.

        :param attempt: what a later run has requested is left out.
        :param besides: keys of entries that are left out.
        """
        now = self.now()
        working = (t.c.tenant == tenant) & t.c.status.in_(MAY_WORK) & (t.c.expires_at > now - OPEN_SECONDS)
        earlier = t.c.run_after <= attempt.run_after
        keys: list[str] = []
        with self._engine.connect() as connection:
            for chunk in chunks(connections):
                named = t.c.connection_name.in_(chunk)
                keys += connection.execute(select(t.c.key).where(working, earlier, named)).scalars()
        left_out = frozenset(besides)
        found = self.entries([key for key in keys if key not in left_out])
        return [entry for entry in found.values() if entry.may_work(now)]

    def live_entries(self) -> list[Entry]:
        """Return the entries whose tickets may still work, see :meth:`Entry.may_work`."""
        known = t.c.status.in_(MAY_WORK) & t.c.ticket_encrypted.is_not(None)
        return self._select(known, t.c.expires_at > self.now() - OPEN_SECONDS)

    def unseen_entries(self) -> list[Entry]:
        """Return the entries of prospects who may have, or get, a valid ticket that nobody has seen."""
        now = self.now()
        no_answer = t.c.status.in_(NO_ANSWER) & (t.c.valid_until > now)
        return self._select(no_answer | (t.c.duplicate_until > now) | (t.c.late_until > now))

    def ticket_times(self, tenant: str, connection_name: str, flow_type: str) -> list[float]:
        """
        Return when the tickets for a connection were made whose answers came; UNIX seconds, the first one first.

        They may be of several prospects, and revoked, expired or replaced since.
        """
        is_for = (i.c.tenant == tenant) & (i.c.connection_name == connection_name) & (i.c.flow_type == flow_type)
        with self._engine.connect() as connection:
            return list(connection.scalars(select(i.c.created_at).where(is_for).order_by(i.c.created_at)))

    def entries_of_tenant(self, tenant: str) -> list[Entry]:
        """Return all entries of a tenant that name a connection."""
        return self._select(t.c.tenant == tenant, t.c.connection_name != "")

    def entries_of_organizations(self, organization_ids: Collection[str]) -> list[Entry]:
        """Return all entries of some organizations that name a connection, of any tenant."""
        found: list[Entry] = []
        for chunk in chunks(organization_ids):
            found += self._select(t.c.organization_id.in_(chunk), t.c.connection_name != "")
        return found

    def forget_expired_urls(self, days: int, limit: int = 10_000) -> int:
        """
        Drop the URLs of tickets that have not worked for a number of days; return how many were dropped.

        All else about them stays. A revoked ticket's URL is dropped at once.

        :param limit: the most URLs that one call drops.
        """
        old = (t.c.expires_at < self.now() - OPEN_SECONDS - days * 86_400) & t.c.ticket_encrypted.is_not(None)
        some = t.c.key.in_(select(t.c.key).where(old).limit(limit))
        # With a new version, so that a task that has read such an entry does not write its URL back.
        forget = update(t).where(old, some).values(ticket_encrypted=None, version=t.c.version + 1)
        with self._engine.begin() as connection:
            return connection.execute(forget).rowcount

    def begin(self, spec: TicketSpec, seen: Entry | None, attempt: RunAttempt, *, answer_within: float) -> Entry:
        """
        Commit the intent to request a ticket, before the POST leaves; return the new entry.

        :param seen: the entry as it was when the request was decided on.
        :param answer_within: seconds after which no answer can come any more.
        :raises StaleEntryError: if somebody else has written the entry since; decide again.
        """
        now = self.now()
        again = seen is not None and attempt.owns(seen) and seen.fingerprint == spec.fingerprint
        is_same_setup = seen is not None and seen.is_for(spec)
        is_one_lost = seen is not None and is_same_setup and seen.lost_ticket_until > now
        entry = Entry(
            key=spec.key,
            tenant=spec.tenant,
            profile_id=spec.profile_id,
            organization_id=spec.request.organization_id,
            organization_name=spec.request.organization_name,
            prospect=spec.request.prospect,
            prospect_name=spec.request.prospect_name,
            prospect_email=spec.request.prospect_email,
            language=spec.request.language,
            connection_name=spec.connection,
            flow_type=spec.flow_type,
            requires_domain=spec.requires_domain,
            status=EntryStatus.IN_FLIGHT,
            fingerprint=spec.fingerprint,
            run=attempt.run,
            run_after=attempt.run_after,
            installation=attempt.installation,
            run_attempt=attempt.number,
            attempts=(seen.attempts if seen and again else 0) + 1,
            requested_at=now,
            answer_by=now + answer_within,
            valid_until=now + answer_within + spec.ttl,
            created_at=seen.created_at if seen else None,
            duplicate_until=seen.lost_ticket_until if seen and is_same_setup else 0.0,
            duplicate_since=seen.lost_ticket_since if seen and is_one_lost else None,
            duplicate_confirmed=seen.duplicate_confirmed if seen and is_one_lost else False,
            late_until=_late_until(seen, is_same_setup=is_same_setup),
            revoked_by=_still_revoked_by(seen, attempt),
            version=seen.version if seen else 1,
        )
        return self._insert(entry) if seen is None else self._write(entry)

    def record_created(self, entry: Entry, ticket: SsoTicket, *, sent_at: float, ttl: float) -> Entry:
        """Commit the ticket that answers the intent."""
        answered = replace(entry, status=EntryStatus.CREATED, ticket=ticket, error="", revoked_by="")
        created = replace(answered, created_at=sent_at, expires_at=sent_at + ttl)
        issued = insert(i).values(
            key=entry.key,
            version=entry.version + 1,
            tenant=entry.tenant,
            connection_name=entry.connection_name,
            flow_type=entry.flow_type,
            created_at=sent_at,
        )
        return self._write(created, issued)

    def record_refused(self, entry: Entry, status: EntryStatus, error: str) -> Entry:
        """Commit that the answer was no: ``conflict``, ``failed``, or ``deferred`` when it was only too early."""
        return self._write(replace(entry, status=status, error=error))

    def record_unknown(self, entry: Entry, error: str) -> Entry:
        """Commit that no answer came: a ticket may exist that nobody has seen."""
        unknown = replace(entry, status=EntryStatus.UNKNOWN, error=error, duplicate_since=entry.lost_ticket_since)
        return self._write(replace(unknown, duplicate_until=entry.lost_ticket_until))

    def record_no_duplicate(self, entry: Entry) -> Entry:
        """Commit that of the entry's requests whose answers were lost, none has made a ticket."""
        until = min(entry.valid_until, self.now()) if entry.status in NO_ANSWER else entry.valid_until
        none = replace(entry, duplicate_until=0.0, duplicate_since=None, duplicate_confirmed=False)
        return self._write(replace(none, valid_until=until))

    def record_duplicate(self, entry: Entry) -> Entry:
        """Commit that a request whose answer was lost has made a ticket, which nobody holds."""
        return self._write(replace(entry, duplicate_since=entry.lost_ticket_since, duplicate_confirmed=True))

    def record_revoking(self, entry: Entry, run: str) -> Entry:
        """Commit that a run is about to revoke the entry's ticket: from here on it is not reused."""
        return self._write(replace(entry, status=EntryStatus.REVOKING, revoked_by=entry.revoked_by or run))

    def record_revoked(self, entry: Entry, *, revoked_for: str = "", installation: str = "") -> Entry:
        """
        Commit that the entry's ticket is revoked, by the first run that meant to; it is never reused.

        :param revoked_for: the key of the prospect who gets a ticket in its place, if it is another one's.
        :param installation: of the Airflow that runs it, see :class:`RunAttempt`.
        """
        revoked = replace(entry, status=EntryStatus.REVOKED, ticket=None, revoked_at=self.now(), error="")
        log = log_revocation(entry, revoked, revoked_for=revoked_for or entry.key, installation=installation)
        return self._write(revoked, *log)

    def _insert(self, entry: Entry) -> Entry:
        try:
            with committed(self._engine) as connection:
                connection.execute(insert(t).values(**self._row(entry)))
        except IntegrityError:
            raise StaleEntryError(entry.key) from None
        return entry

    def _write(self, entry: Entry, *also: Executable) -> Entry:
        written = replace(entry, version=entry.version + 1)
        seen = (t.c.key == entry.key) & (t.c.version == entry.version)
        with committed(self._engine) as connection:
            if connection.execute(update(t).where(seen).values(**self._row(written))).rowcount != 1:
                raise StaleEntryError(entry.key)
            for statement in also:
                connection.execute(statement)
        return written

    def _select(self, *conditions: ColumnElement[bool]) -> list[Entry]:
        query = select(t).where(*conditions).order_by(t.c.organization_id, t.c.prospect)
        with self._engine.connect() as connection:
            return [self._entry(row) for row in connection.execute(query)]

    def _row(self, entry: Entry) -> dict[str, Any]:
        columns = dict(vars(entry))
        ticket = columns.pop("ticket")
        return {**columns, "ticket_encrypted": self._cipher.encrypt(ticket.url) if ticket else None}

    def _entry(self, row: Row[Any]) -> Entry:
        columns = {**row._mapping, "status": EntryStatus(row.status)}
        encrypted, expires_at = columns.pop("ticket_encrypted"), row.expires_at or 0.0
        url = self._cipher.decrypt_unless_expired(encrypted, expires_at, self.now()) if encrypted else None
        return Entry(ticket=SsoTicket(url) if url else None, **columns)


def _late_until(seen: Entry | None, *, is_same_setup: bool) -> float:
    """Return until when a ticket may work that the logs of the connection that is requested now do not tell of."""
    if seen is None:
        return 0.0
    return seen.late_ticket_until if is_same_setup else max(seen.late_ticket_until, seen.lost_ticket_until)


def _still_revoked_by(seen: Entry | None, attempt: RunAttempt) -> str:
    """Return which run revoked the prospect's ticket; after the conflict of another run its single sign-on exists."""
    if seen is None or not attempt.left_without_link(seen):
        return ""
    return "" if seen.status == EntryStatus.CONFLICT and not attempt.owns(seen) else seen.revoked_by


def open_ledger(url: str | URL | None = None, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Ledger:
    """Open the ledger at a URL, or this Airflow's, see :func:`ledger_url`; LedgerError if it can't be opened."""
    return Ledger(connect(url or ledger_url(), timeouts))
