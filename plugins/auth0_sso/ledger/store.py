"""
The ledger: what was asked of Auth0 for whom, and what came back.

It outlives retries, clears, runs and Airflow's own metadata. An intent is committed before each POST and its result
right after, so that whatever dies, exactly the asks whose answer was never seen are known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import URL, ColumnElement, Executable, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger import schema
from auth0_sso.ledger.database import LEDGER_CONN_ID, committed, connect, ledger_url
from auth0_sso.ledger.encryption import Cipher, KeyRotation
from auth0_sso.ledger.records import (
    MAY_WORK,
    OPEN_LIFETIME,
    Entry,
    EntryStatus,
    RunAttempt,
    TicketSpec,
    other_ticket_until,
    unseen_ticket_until,
)
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

_CHUNK = 500
t = schema.tickets


class StaleEntryError(Exception):
    """Another task has written this prospect's entry since it was read."""


class Ledger:
    """
    The ledger in a database.

    ``identity`` is the name given to it once, with the machine's for SQLite; ``token_store`` keeps the token,
    ``revocations`` what was revoked; ``rotation`` encrypts it all anew when the key changes.

    :param url: SQLAlchemy's URL of a SQLite file or a PostgreSQL database.
    :param timeouts: how long the database is waited for.
    :raises LedgerError: if the database can't be used, or there is no Fernet key, see :class:`Cipher`.
    """

    def __init__(self, url: str | URL, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._cipher = Cipher()
        self._engine, self.identity, self._clock = connect(url, timeouts)
        self.token_store = LedgerTokenStore(self._engine, self._cipher, self._clock, timeouts)
        self.rotation = KeyRotation(self._engine, self._cipher)
        self.revocations = RevocationLog(self._engine)

    def now(self) -> float:
        """Return the UNIX time of the ledger, see :class:`LedgerClock`: what its entries are compared with."""
        return self._clock.now()

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def require_identity(self, expected: str) -> None:
        """
        Check that this is the ledger the run was planned with.

        :raises LedgerError: if the tasks of a run see different ledgers, so that none would know all.
        """
        if expected and expected != self.identity:
            raise LedgerError(
                f"This task's ledger is {self.identity}, the run was planned with {expected}: "
                "a SQLite file serves one machine only.",
                advice=f"Let all workers use one PostgreSQL database: make the connection '{LEDGER_CONN_ID}'. "
                "If the machine was only renamed, clear plan_fan_out.",
            )

    def entries(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return the entries of those prospects that have one, by key."""
        wanted = list(dict.fromkeys(keys))
        chunks = (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))
        return {entry.key: entry for chunk in chunks for entry in self._select(t.c.key.in_(chunk))}

    def entries_of_run(self, run: str) -> list[Entry]:
        """Return the entries that this run was the last to ask for."""
        return self._select(t.c.run == run)

    def live_entries(self) -> list[Entry]:
        """Return the entries whose tickets may still work, see :meth:`Entry.may_work`."""
        known = t.c.status.in_(MAY_WORK) & t.c.ticket_encrypted.is_not(None)
        return self._select(known, t.c.expires_at > self.now() - OPEN_LIFETIME)

    def forget_urls(self, expired_before: float, most: int) -> int:
        """Drop the URLs of at most so many tickets that expired before then (UNIX seconds); return how many."""
        old = (t.c.expires_at < expired_before) & t.c.ticket_encrypted.is_not(None)
        some = t.c.key.in_(select(t.c.key).where(old).limit(most))
        # By the version, a task that has read such an entry decides anew: no URL is written back.
        forget = update(t).where(old, some).values(ticket_encrypted=None, version=t.c.version + 1)
        with self._engine.begin() as connection:
            return connection.execute(forget).rowcount

    def begin(self, spec: TicketSpec, seen: Entry | None, attempt: RunAttempt, *, answer_within: float) -> Entry:
        """
        Commit the intent to ask, before the POST leaves.

        :param spec: what is asked.
        :param seen: the entry as it was when the decision to ask was made.
        :param attempt: the run that asks.
        :param answer_within: seconds after which no answer can come any more.
        :return: the entry as it is now.
        :raises StaleEntryError: if somebody else has written the entry since; decide anew.
        """
        now = self.now()
        again = seen is not None and attempt.owns(seen) and seen.fingerprint == spec.fingerprint
        entry = Entry(
            key=spec.key,
            tenant=spec.tenant,
            profile_id=spec.profile_id,
            organization_id=spec.organization_id,
            organization_name=spec.organization_name,
            prospect=spec.prospect,
            connection_name=spec.connection_name,
            status=EntryStatus.IN_FLIGHT,
            fingerprint=spec.fingerprint,
            run=attempt.run,
            run_after=attempt.run_after,
            run_attempt=attempt.number,
            attempts=(seen.attempts if seen and again else 0) + 1,
            requested_at=now,
            answer_by=now + answer_within,
            lives_until=now + answer_within + spec.ttl,
            duplicate_until=other_ticket_until(seen),
            version=seen.version if seen else 1,
        )
        return self._insert(entry) if seen is None else self._write(entry)

    def record_created(self, entry: Entry, ticket: SsoTicket, *, sent_at: float, ttl: float) -> Entry:
        """Commit the ticket that answers the intent."""
        return self._write(
            replace(
                entry, status=EntryStatus.CREATED, ticket=ticket, created_at=sent_at, expires_at=sent_at + ttl, error=""
            )
        )

    def record_refused(self, entry: Entry, status: EntryStatus, error: str) -> Entry:
        """Commit that the answer was no: ``conflict``, ``failed``, or ``deferred`` when it was only too early."""
        return self._write(replace(entry, status=status, error=error))

    def record_unknown(self, entry: Entry, error: str) -> Entry:
        """Commit that no answer came: a ticket may exist that nobody has seen."""
        return self._write(
            replace(entry, status=EntryStatus.UNKNOWN, error=error, duplicate_until=unseen_ticket_until(entry))
        )

    def record_revoking(self, entry: Entry, run: str) -> Entry:
        """Commit that a run is about to revoke the entry's ticket: from here on it is not reused."""
        return self._write(replace(entry, status=EntryStatus.REVOKING, revoked_by=entry.revoked_by or run))

    def record_revoked(self, entry: Entry) -> Entry:
        """Commit that the entry's ticket is revoked, by the run that meant to first; it is never reused."""
        revoked = replace(entry, status=EntryStatus.REVOKED, ticket=None, revoked_at=self.now(), error="")
        return self._write(revoked, *self.revocations.entered(entry, revoked))

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
            return [self._entry(row._mapping) for row in connection.execute(query)]

    def _row(self, entry: Entry) -> dict[str, Any]:
        row = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name != "ticket"}
        return {**row, "ticket_encrypted": self._cipher.encrypt(entry.ticket.url) if entry.ticket else None}

    def _entry(self, row: Mapping[Any, Any]) -> Entry:
        encrypted = row["ticket_encrypted"]
        url = self._cipher.decrypt_unless_expired(encrypted, row["expires_at"] or 0.0) if encrypted else None
        ticket = SsoTicket(url) if url else None
        fields = {name: row[name] for name in Entry.__dataclass_fields__ if name != "ticket"}
        return Entry(ticket=ticket, **{**fields, "status": EntryStatus(row["status"])})


def open_ledger() -> Ledger:
    """
    Open the ledger that this Airflow is set up with; asks Airflow, so before an event loop runs.

    :raises LedgerError: if it can't be opened; it says what to do.
    """
    return Ledger(ledger_url())
