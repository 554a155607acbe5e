"""
The ledger: what was asked of Auth0 for whom, and what came back.

It outlives retries, clears, runs and Airflow's own metadata. An intent is committed before each POST and
its result right after, so that whatever dies, exactly the asks whose answer was never seen are known.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import URL, ColumnElement, create_engine, insert, make_url, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from auth0_sso import schema
from auth0_sso.cipher import Cipher
from auth0_sso.errors import LedgerError
from auth0_sso.hook import SsoTicket
from auth0_sso.key_rotation import KeyRotation
from auth0_sso.ledger_location import LEDGER_CONN_ID, LEDGER_PATH_VARIABLE, ledger_url
from auth0_sso.records import Ask, Entry, Round, doubt
from auth0_sso.vault import LedgerVault

_CHUNK = 500

t = schema.tickets


class StaleEntryError(Exception):
    """Another task has written this prospect's entry since it was read."""


class Ledger:
    """
    The ledger in a database.

    ``identity`` is the name given to it once, with the machine's for SQLite; ``vault`` keeps the token,
    ``rotation`` encrypts it all anew when the key changes.

    :param url: SQLAlchemy's URL of a SQLite file or a PostgreSQL database.
    :raises LedgerError: if the database can't be used, or there is no Fernet key, see :class:`Cipher`.
    """

    def __init__(self, url: str | URL) -> None:
        self._cipher = Cipher()
        self._engine = create_engine(make_url(url), pool_pre_ping=True, hide_parameters=True)
        try:
            self.identity = schema.prepare(self._engine)
        except SQLAlchemyError as error:
            raise LedgerError(
                f"The ledger at {self._engine.url!r} can't be opened: {str(error).splitlines()[0]}.",
                advice=f"Check the connection '{LEDGER_CONN_ID}', or the path in {LEDGER_PATH_VARIABLE}.",
            ) from None
        self.vault = LedgerVault(self._engine, self._cipher)
        self.rotation = KeyRotation(self._engine, self._cipher)

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
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = self._select(t.c.key.in_(wanted[start : start + _CHUNK]))
            found.update((entry.key, entry) for entry in chunk)
        return found

    def entries_of_run(self, run: str) -> list[Entry]:
        """Return the entries that this run was the last to ask for."""
        return self._select(t.c.run == run)

    def live_entries(self) -> list[Entry]:
        """Return the entries whose tickets still work, and those whose revocation was never confirmed."""
        return self._select(t.c.status.in_(("created", "revoking")), t.c.expires_at > time.time())

    def begin(self, ask: Ask, seen: Entry | None, who: Round, *, answer_within: float) -> Entry:
        """
        Commit the intent to ask, before the POST leaves.

        :param ask: what is asked.
        :param seen: the entry as it was when the decision to ask was made.
        :param who: the run that asks.
        :param answer_within: seconds after which no answer can come any more.
        :return: the entry as it is now.
        :raises StaleEntryError: if somebody else has written the entry since; decide anew.
        """
        now = time.time()
        again = seen is not None and (seen.run, seen.fingerprint) == (who.run, ask.fingerprint)
        entry = Entry(
            key=ask.key,
            tenant=ask.tenant,
            profile_id=ask.profile_id,
            organization_id=ask.organization_id,
            organization_name=ask.organization_name,
            prospect=ask.prospect,
            connection_name=ask.connection_name,
            status="asking",
            fingerprint=ask.fingerprint,
            run=who.run,
            round=who.number,
            attempts=(seen.attempts if seen and again else 0) + 1,
            asked_at=now,
            answer_by=now + answer_within,
            lives_until=now + answer_within + ask.ttl,
            duplicate_until=doubt(seen),
            version=seen.version if seen else 1,
        )
        return self._insert(entry) if seen is None else self._write(entry)

    def record_created(self, entry: Entry, ticket: SsoTicket, *, sent_at: float, ttl: float) -> Entry:
        """Commit the ticket that answers the intent."""
        return self._write(
            replace(entry, status="created", ticket=ticket, created_at=sent_at, expires_at=sent_at + ttl, error="")
        )

    def record_refused(self, entry: Entry, status: str, error: str) -> Entry:
        """Commit that the answer was no: ``conflict``, ``failed``, or ``waiting`` when it was only too early."""
        return self._write(replace(entry, status=status, error=error))

    def record_unanswered(self, entry: Entry, error: str) -> Entry:
        """Commit that no answer came: a ticket may exist that nobody has seen."""
        return self._write(replace(entry, status="unanswered", error=error, duplicate_until=doubt(entry)))

    def record_revoking(self, entry: Entry) -> Entry:
        """Commit that the entry's ticket is about to be revoked: from here on it is not reused."""
        return self._write(replace(entry, status="revoking"))

    def record_revoked(self, entry: Entry, run: str) -> Entry:
        """Commit that the entry's ticket is revoked; it is never reused."""
        return self._write(
            replace(entry, status="revoked", ticket=None, revoked_at=time.time(), revoked_by=run, error="")
        )

    def _insert(self, entry: Entry) -> Entry:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(t).values(**self._row(entry)))
        except IntegrityError:
            raise StaleEntryError(entry.key) from None
        return entry

    def _write(self, entry: Entry) -> Entry:
        written = replace(entry, version=entry.version + 1)
        seen = (t.c.key == entry.key) & (t.c.version == entry.version)
        with self._engine.begin() as connection:
            done = connection.execute(update(t).where(seen).values(**self._row(written)))
        if done.rowcount != 1:
            raise StaleEntryError(entry.key)
        return written

    def _select(self, *conditions: ColumnElement[bool]) -> list[Entry]:
        query = select(t).where(*conditions).order_by(t.c.organization_id, t.c.prospect)
        with self._engine.connect() as connection:
            return [self._entry(row._mapping) for row in connection.execute(query)]

    def _row(self, entry: Entry) -> dict[str, Any]:
        row = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name != "ticket"}
        return {**row, "ticket_encrypted": self._cipher.lock(entry.ticket.url) if entry.ticket else None}

    def _entry(self, row: Mapping[Any, Any]) -> Entry:
        locked = row["ticket_encrypted"]
        url = self._cipher.unlock_unless_dead(locked, row["expires_at"] or 0.0) if locked else None
        ticket = SsoTicket(url) if url else None
        return Entry(ticket=ticket, **{name: row[name] for name in Entry.__dataclass_fields__ if name != "ticket"})


def open_ledger() -> Ledger:
    """
    Open the ledger that this Airflow is set up with; asks Airflow, so before an event loop runs.

    :raises LedgerError: if it can't be opened; it says what to do.
    """
    return Ledger(ledger_url())
