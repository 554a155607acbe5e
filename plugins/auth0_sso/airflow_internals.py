"""
What the provider and the plugin use of Airflow beyond its public interface. A new version of Airflow may change it.

``tests/unit/test_airflow_assumptions.py`` tests what each of these functions assumes. In every task's process the
plugin imports this module, so Airflow's own modules are imported where they are used.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from sqlalchemy import Executable
    from sqlalchemy.orm import Session

task_log = structlog.get_logger(logger_name="task")
"""A task's log. It assumes that the task runner configures structlog and logs under this name."""


def is_in_process() -> bool:
    """
    Return whether ``dag.test()`` runs this task in its own process, where no pool counts.

    It assumes that the task runner talks to its supervisor by its global ``SUPERVISOR_COMMS``, and that only a task of
    ``dag.test()`` has an object of this class there.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    return isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), InProcessSupervisorComms)


def is_service(component: object) -> bool:
    """
    Return whether what starts is a service of Airflow, not a task, which has no access to the database.

    It assumes that the scheduler, the DAG processor and the triggerer announce themselves to listeners as a ``Job``.
    The module of that class is heavy for a task, so it is not imported here: who has made a job has imported it.
    """
    jobs = sys.modules.get("airflow.jobs.job")
    return jobs is not None and isinstance(component, jobs.Job)


def service_session() -> AbstractContextManager[Session]:
    """Open, in a service, a session of Airflow's database, which is committed at the end of the block."""
    from airflow.utils.session import create_session

    return create_session()


def session_of(dag_run: Any) -> Session | None:
    """
    Return the session that a run belongs to; None if it belongs to none.

    It assumes that the scheduler gives listeners the run as it has it in its session, which must not be committed.
    """
    from sqlalchemy.orm import object_session

    return object_session(dag_run)


def create_pool(session: Session, name: str, slots: int, description: str) -> bool:
    """
    Create a pool if it is missing, never change it; return whether it was created. The caller commits.

    It assumes the table of pools.
    """
    from airflow.models.pool import Pool
    from sqlalchemy import insert

    if pool_slots(session, name) is not None:
        return False
    values = {"pool": name, "slots": slots, "description": description, "include_deferred": False}
    return _write(session, insert(Pool).values(values))


def pool_slots(session: Session, name: str) -> int | None:
    """Return how many slots a pool has, negative for unlimited ones; None if it is missing."""
    from airflow.models.pool import Pool
    from sqlalchemy import select

    return session.scalar(select(Pool.slots).where(Pool.pool == name))


def write_variable(session: Session, key: str, value: str, *, replace: bool = True) -> None:
    """
    Set an Airflow variable, unless it has that value. The caller commits.

    It assumes the table of variables. The value is no secret, so it isn't encrypted: what is stored can be compared.

    :param replace: whether another value that it has is replaced.
    """
    from airflow.models.variable import Variable
    from sqlalchemy import insert, select, update

    here = Variable.key == key
    known = session.execute(select(Variable.val, Variable.is_encrypted).where(here)).one_or_none()
    if known == (value, False) or (known and not replace):
        return
    write = update(Variable).where(here) if known else insert(Variable).values(key=key)
    _write(session, write.values(val=value, is_encrypted=False))


def _write(session: Session, statement: Executable) -> bool:
    """
    Write a row, unless another service has just written it; return whether this one has.

    It writes on the connection, since the scheduler's session must not be committed. The savepoint keeps the caller's
    work.
    """
    from sqlalchemy.exc import IntegrityError

    connection = session.connection()
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        return False
    return True
