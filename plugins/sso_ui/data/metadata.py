"""Airflow's own database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import select
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


def read_variable(key: str) -> str:
    """Return the value of an Airflow variable; empty if there is none."""
    with short_session() as session:
        found = session.scalar(select(Variable).where(Variable.key == key))
        return str(found.val) if found else ""
