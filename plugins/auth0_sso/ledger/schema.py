"""The ledger's tables, for SQLite and PostgreSQL."""

from __future__ import annotations

import socket
import uuid

from sqlalchemy import Boolean, Column, Double, Engine, Integer, MetaData, String, Table, Text, insert, inspect, select

from auth0_sso.exceptions import LedgerError

SCHEMA_VERSION = "9"

# If tasks start together and find no tables, the first creates them in one transaction.
_ONE_AT_A_TIME = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(hashtext('sso_ledger_about'))",
}

metadata = MetaData()

about = Table(
    "sso_ledger_about",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", String(200), nullable=False),
)

# One row a prospect and profile. Times are UNIX seconds. What opens a ticket is encrypted.
tickets = Table(
    "sso_tickets",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("profile_id", String(255), nullable=False),
    Column("organization_id", String(255), nullable=False, index=True),
    Column("organization_name", Text, nullable=False, default=""),
    Column("prospect", Text, nullable=False),
    Column("prospect_name", Text, nullable=False, default=""),
    Column("prospect_email", Text, nullable=False, default=""),
    Column("language", String(40), nullable=False, default=""),
    Column("connection_name", String(255), nullable=False, default="", index=True),
    Column("flow_type", String(20), nullable=False, default="create"),
    Column("requires_domain", Boolean, nullable=False, default=False),
    Column("status", String(20), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("ticket_encrypted", Text),
    Column("created_at", Double),
    Column("expires_at", Double, index=True),
    Column("run", String(512), nullable=False, index=True),
    Column("run_after", Double, nullable=False),
    Column("installation", String(255), nullable=False, default=""),
    Column("run_attempt", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("requested_at", Double, nullable=False),
    Column("answer_by", Double, nullable=False),
    Column("valid_until", Double, nullable=False),
    Column("duplicate_until", Double, nullable=False, default=0.0),
    Column("duplicate_since", Double),
    Column("duplicate_confirmed", Boolean, nullable=False, default=False),
    Column("late_until", Double, nullable=False, default=0.0),
    Column("error", Text, nullable=False, default=""),
    Column("revoked_at", Double),
    Column("revoked_by", String(512), nullable=False, default=""),
    Column("version", Integer, nullable=False, default=1),
)

# One row a revoked ticket, for good: the row above is written over by its prospect's next request. A revoked ticket
# opens nothing, so its id is no secret any more.
revocations = Table(
    "sso_revocations",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("created_at", Double, primary_key=True),
    Column("expires_at", Double, nullable=False),
    Column("ticket_id", String(255), nullable=False, index=True),
    Column("revoked_at", Double, nullable=False),
    Column("revoked_by", String(512), nullable=False, index=True),
    Column("revoked_for", String(64), nullable=False),
    Column("installation", String(64), nullable=False, default=""),
)

# One row a ticket whose answer was recorded, for good, by the version of the entry that it was recorded in: what of the
# tickets that the tenant has logged is known.
issued_tickets = Table(
    "sso_issued_tickets",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("connection_name", String(255), nullable=False, index=True),
    Column("flow_type", String(20), nullable=False),
    Column("created_at", Double, nullable=False),
)

# One row an event of the tenant's logs that is about a setup. Addresses and browsers are not kept.
setup_events = Table(
    "sso_setup_events",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("log_id", String(255), primary_key=True),
    Column("connection_name", String(255), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("name", String(100), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("flow_type", String(20), nullable=False),
    Column("message", Text, nullable=False),
)

# One row a connection that links are for: how far its customer has come.
setups = Table(
    "sso_setups",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("connection_name", String(255), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("opened", Integer, nullable=False),
    Column("first_opened_at", Double),
    Column("last_opened_at", Double),
    Column("connected_at", Double),
    Column("enabled_at", Double),
    Column("waiting_since", Double),
    Column("last_failure", Text, nullable=False),
    Column("connection_id", String(255), nullable=False),
    Column("seen_in", String(20), nullable=False),
    Column("knows_enabled", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)

# One row a tenant: from when until when its logs are read without a gap.
setup_reads = Table(
    "sso_setup_reads",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("read_from", Double, nullable=False),
    Column("read_until", Double, nullable=False),
)

# One row a mail with a link, from before it leaves, so that none leaves twice. It has no address and no link in it.
deliveries = Table(
    "sso_deliveries",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("created_at", Double, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant", String(255), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("begun_at", Double, nullable=False),
    Column("sent_at", Double),
    Column("message_id", String(255), nullable=False),
    Column("error", Text, nullable=False),
    Column("run", String(512), nullable=False, index=True),
    Column("installation", String(255), nullable=False),
)

# One row a tenant: links that were made before are not mailed by themselves, since they may have been mailed by hand.
mailings = Table(
    "sso_mailings",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("since", Double, nullable=False),
)

# One row a set of credentials. An owner renews its token alone for a bounded time, also if its process is killed, and
# without holding up the ledger's other writers.
tokens = Table(
    "sso_tokens",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("token_encrypted", Text),
    Column("expires_at", Double, nullable=False, default=0.0),
    Column("scopes", Text, nullable=False, default=""),
    Column("version", Integer, nullable=False, default=0),
    Column("owner", String(32), nullable=False, default=""),
    Column("owned_until", Double, nullable=False, default=0.0),
)


def prepare(engine: Engine) -> str:
    """
    Create missing tables and check their version.

    :return: the ledger's identity: a name given once, for SQLite with the name of the machine that holds the file.
    :raises LedgerError: if another version of this software has created the tables.
    """
    if not (known := _read_about(engine)):
        _create_tables(engine)
        known = _read_about(engine)
    if known.get("schema_version") != SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger's tables have version {known.get('schema_version')}, this software knows {SCHEMA_VERSION}.",
            advice="Install the version that created them, or a newer one.",
        )
    host = f"@{socket.gethostname()}" if engine.dialect.name == "sqlite" else ""
    return f"{known['ledger_id']}{host}"


def _read_about(engine: Engine) -> dict[str, str]:
    if not inspect(engine).has_table(about.name):
        return {}
    with engine.connect() as connection:
        return {row.name: row.value for row in connection.execute(select(about))}


def _create_tables(engine: Engine) -> None:
    rows = [
        {"name": "schema_version", "value": SCHEMA_VERSION},
        {"name": "ledger_id", "value": uuid.uuid4().hex},
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql(_ONE_AT_A_TIME[engine.dialect.name])
        metadata.create_all(connection)
        if connection.execute(select(about)).first() is None:
            connection.execute(insert(about), rows)
