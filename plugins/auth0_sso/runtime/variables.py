"""Airflow variables that the scheduler writes and tasks read, since they can't read Airflow's database."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

INSTALLATION_VARIABLE = "sso_tickets_installation"


def publish_installation(session: Session) -> None:
    """
    Give this Airflow a name of its own, once, in the variable ``sso_tickets_installation``. The caller commits.

    Two Airflows that share a ledger may have runs of the same id at the same time; this name tells which is which.
    """
    write_variable(session, INSTALLATION_VARIABLE, uuid.uuid4().hex, replace=False)


def read_installation() -> str:
    """Return, in a task, this Airflow's name; empty if no scheduler has published one."""
    from airflow.sdk import Variable

    return str(Variable.get(INSTALLATION_VARIABLE, default=""))


def installation_in(session: Session) -> str:
    """Return, in a service of Airflow, what tasks read with :func:`read_installation`."""
    from airflow.models.variable import Variable
    from sqlalchemy import select

    found = session.scalar(select(Variable).where(Variable.key == INSTALLATION_VARIABLE))
    return str(found.val) if found else ""


def write_variable(session: Session, key: str, value: str, *, replace: bool = True) -> None:
    """
    Set an Airflow variable, unless it has that value. The caller commits.

    :param replace: whether another value that it has is replaced.
    """
    from airflow.models.variable import Variable
    from sqlalchemy import insert, select, update
    from sqlalchemy.exc import IntegrityError

    here = Variable.key == key
    known = session.execute(select(Variable._val, Variable.is_encrypted).where(here)).one_or_none()
    if known == (value, False) or (known and not replace):
        return
    # Not a secret, so it isn't encrypted: what is stored can be compared.
    values = {"val": value, "is_encrypted": False}
    write = update(Variable).where(here) if known else insert(Variable).values(key=key)
    connection = session.connection()
    try:
        # On the connection, since the scheduler's session must not be committed. The savepoint keeps the caller's work.
        with connection.begin_nested():
            connection.execute(write.values(values))
    except IntegrityError:  # another scheduler has just written it
        return
