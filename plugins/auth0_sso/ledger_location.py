"""Which database the ledger is in."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL

from auth0_sso.errors import LedgerError

LEDGER_CONN_ID = "sso_tickets_db"
LEDGER_PATH_VARIABLE = "SSO_TICKETS_LEDGER"

# Of a connection of type postgres these are for Airflow's own hook; libpq knows all the others, like sslmode.
_NOT_LIBPQS = frozenset(
    {"cursor", "iam", "aws_conn_id", "azure_conn_id", "redshift", "cluster-identifier", "sqlalchemy_query"}
)


def ledger_url() -> URL:
    """
    Return the URL of the ledger that this Airflow is set up with; asks Airflow, so before an event loop runs.

    It is the database of connection ``sso_tickets_db``, whose extras are libpq's options; without one, a SQLite
    file at ``SSO_TICKETS_LEDGER``, by default in ``AIRFLOW_HOME``.

    :raises LedgerError: if the connection is of another type than postgres.
    """
    try:
        connection = BaseHook.get_connection(LEDGER_CONN_ID)
    except AirflowNotFoundException:
        home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
        path = Path(os.environ.get(LEDGER_PATH_VARIABLE) or home / "sso_tickets.db").expanduser().absolute()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(path))
    if connection.conn_type not in ("postgres", "postgresql"):
        raise LedgerError(
            f"Connection '{LEDGER_CONN_ID}' is of type '{connection.conn_type}'.",
            advice="Make it one of type postgres, or delete it to use a SQLite file on one machine.",
        )
    return URL.create(
        "postgresql+psycopg2",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in connection.extra_dejson.items() if name not in _NOT_LIBPQS},
    )
