"""Airflow's own database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.utils.session import create_session
from sqlalchemy.orm import Session


@contextmanager
def short_session() -> Iterator[Session]:
    """
    Open a session for a few queries, and commit it.

    The api-server shares about fifteen connections among its pages, the REST API and running tasks. So no session is
    open while a file, the ledger or another process is waited for.
    """
    with create_session(scoped=False) as session:
        yield session
