"""
What the pages use of Airflow beyond its public interface. A new version of Airflow may change it.

``tests/unit/test_airflow_assumptions.py`` tests what each of these functions assumes. Only plain values leave this
module, no object of the database.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.models.variable import Variable
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import select
from sqlalchemy.orm import Session

Method: TypeAlias = ResourceMethod
Entity: TypeAlias = DagAccessEntity
RUN, XCOM = DagAccessEntity.RUN, DagAccessEntity.XCOM

User = Annotated[BaseUser, Depends(get_user)]
"""Who is logged in. A route with a parameter of this type answers nobody else."""
BearerToken = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
"""The token that a client has sent itself, in the header ``Authorization``."""


def requires_access(method: Method, entity: Entity | None, dag_id: str | None = None) -> Callable[..., None]:
    """
    Return the dependency that lets only those users pass who may do this to a DAG; others get a 403.

    :param dag_id: of the DAG; without one, it is the path's ``dag_id``.
    """
    return requires_access_dag(method, entity, dag_id)


def can(user: BaseUser, method: Method, entity: Entity, dag_id: str) -> bool:
    """
    Return whether a user may do this to a DAG, to show or hide what leads there.

    It assumes that the auth manager is asked as :func:`requires_access` asks it, with the team of the DAG.
    """
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)


def user_of_cookie(request: Request) -> BaseUser | None:
    """
    Return the user whom the browser's cookie has authenticated; None if there is none.

    It assumes that a middleware of Airflow reads the cookie and leaves the user in the request's state, and that
    ``User`` is this very object if the cookie is what authenticates the request.
    """
    user: BaseUser | None = getattr(request.state, "user", None)
    return user


def audit(user: BaseUser, event: str, dag_id: str, run_id: str | None, **extra: Any) -> None:
    """
    Write an event into Airflow's audit log and commit it; ``extra`` must hold no link.

    It assumes the table ``log``, whose ``extra`` is text.
    """
    name = user.get_name()
    entry = Log(event=event, task_instance=None, owner=name, owner_display_name=name, extra=json.dumps(extra))
    entry.dag_id, entry.run_id = dag_id, run_id
    with short_session() as session:
        session.add(entry)


def base_url() -> str:
    """Return the address at which users see this Airflow, without a slash at its end; empty if it is not set."""
    address: str = conf.get("api", "base_url", fallback="")
    return address.rstrip("/")


def login_address(return_address: str) -> str:
    """
    Return the address of Airflow's login, which then leads back.

    It assumes that the REST API leads to the login of every auth manager, and takes the way back as ``next``.
    """
    return f"{base_url()}/api/v2/auth/login?next={quote(return_address, safe='')}"


def max_map_length() -> int:
    """Return the maximum of mapped instances of a task, a setting that tasks read, too."""
    return conf.getint("core", "max_map_length")


@contextmanager
def short_session() -> Iterator[Session]:
    """
    Open a session of Airflow's database for a few queries, and commit it.

    The api-server shares about fifteen connections among its pages, the REST API and running tasks. So no session is
    open while a file, the ledger or another process is waited for. It assumes a session that is not scoped to the
    thread: those of other code stay open.
    """
    with create_session(scoped=False) as session:
        yield session


@dataclass(frozen=True)
class Run:
    """
    A run of a DAG.

    :param started: ISO 8601, empty before it starts; so is ``ended``.
    :param by: who triggered it; ``schedule`` for one that nobody did.
    """

    dag_id: str
    run_id: str
    state: str
    started: str
    ended: str
    by: str


def find_runs(dag_ids: Collection[str], *, limit: int, offset: int = 0) -> list[Run]:
    """Return the runs of some DAGs, the latest first; it assumes the table ``dag_run``."""
    query = select(DagRun).where(DagRun.dag_id.in_(dag_ids)).order_by(DagRun.run_after.desc(), DagRun.id.desc())
    with short_session() as session:
        return [_run(found) for found in session.scalars(query.limit(limit).offset(offset))]


def find_run(dag_id: str, run_id: str) -> Run | None:
    """Return a run; None if there is none."""
    with short_session() as session:
        found = session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id=run_id))
        return found and _run(found)


def _run(run: DagRun) -> Run:
    return Run(
        dag_id=run.dag_id,
        run_id=run.run_id,
        state=str(run.state),
        started=run.start_date.isoformat() if run.start_date else "",
        ended=run.end_date.isoformat() if run.end_date else "",
        by=run.triggering_user_name or ("schedule" if run.run_type == "scheduled" else ""),
    )


def configuration(dag_id: str, run_id: str) -> Any:
    """Return the parameters that a run was given; those it leaves out have their defaults."""
    with short_session() as session:
        return session.scalar(select(DagRun.conf).filter_by(dag_id=dag_id, run_id=run_id))


def xcom(dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
    """
    Return the XCom of a task that is not mapped, as plain data, which users can set; None if there is none.

    It assumes the table ``xcom``, which has one value of each task and key, that of the last try.
    """
    entry = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": -1, "key": key}
    with short_session() as session:
        return _plain(session.scalar(select(XComModel.value).filter_by(**entry)))


def xcoms_of_runs(run_ids: Collection[str], task_id: str) -> dict[tuple[str, str], Any]:
    """Return what a task that is not mapped has returned in each run, as :func:`xcom` does, by DAG and run id."""
    query = select(XComModel.dag_id, XComModel.run_id, XComModel.value).where(
        XComModel.run_id.in_(run_ids),
        XComModel.task_id == task_id,
        XComModel.key == "return_value",
        XComModel.map_index == -1,
    )
    with short_session() as session:
        return {(row.dag_id, row.run_id): _plain(row.value) for row in session.execute(query)}


def xcoms_of_instances(dag_id: str, run_id: str, task_id: str, key: str) -> list[Any]:
    """Return the XCom of each instance of a mapped task, as :func:`xcom` does."""
    query = select(XComModel.value).filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)
    with short_session() as session:
        return [_plain(value) for value in session.scalars(query)]


def _plain(value: Any) -> Any:
    """Return a value as its task has pushed it; the UI, where a user can change it, saves JSON in JSON."""
    if isinstance(value, str):
        with suppress(ValueError):
            return json.loads(value)
    return value


def task_states(dag_id: str, run_id: str) -> dict[str, Counter[str]]:
    """
    Return how many instances of each task of a run are in which state, ``none`` for those without one.

    It assumes the table ``task_instance``, which has each instance once, as its last try.
    """
    query = select(TaskInstance.task_id, TaskInstance.state).filter_by(dag_id=dag_id, run_id=run_id)
    states: dict[str, Counter[str]] = {}
    with short_session() as session:
        for task_id, state in session.execute(query):
            states.setdefault(task_id, Counter())[str(state) if state else "none"] += 1
    return states


def has_task_begun(pool: str) -> bool:
    """Return whether a task of any run has ever had a slot of a pool: one that has begun has a ``start_date``."""
    query = select(TaskInstance.id).where(TaskInstance.pool == pool, TaskInstance.start_date.is_not(None)).limit(1)
    with short_session() as session:
        return session.scalar(query) is not None


def pool_slots(pool: str) -> int:
    """Return how many slots a pool has, 0 if it is missing; it assumes the table of pools."""
    with short_session() as session:
        return session.scalar(select(Pool.slots).where(Pool.pool == pool)) or 0


def read_variable(key: str) -> str:
    """Return an Airflow variable, empty if there is none; it assumes the table of variables."""
    with short_session() as session:
        found = session.scalar(select(Variable).where(Variable.key == key))
        return str(found.val) if found else ""
