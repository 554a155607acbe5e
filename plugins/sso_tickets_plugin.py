"""The project's one Airflow plugin: makes the pool that is the rate limit, and shows reports in the UI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class PoolKeeper:
    """
    Makes the pool if it is missing: when a service of Airflow starts, and when a run does.

    Tasks of a pool that doesn't exist would stay ``scheduled`` for ever.
    """

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Look after the pool when one of Airflow's services starts; tasks have no database."""
        if not _is_service(component):
            return
        from airflow.utils.session import create_session
        from auth0_sso.runtime.pool import ensure_pool

        with create_session() as session:
            ensure_pool(session)

    @hookimpl
    def on_dag_run_running(self, dag_run: object, msg: str) -> None:
        """Look after the pool when the scheduler starts a run, in its own transaction; somebody may have deleted it."""
        from auth0_sso.runtime.pool import ensure_pool
        from sqlalchemy.orm import object_session

        if (session := object_session(dag_run)) is not None:
            ensure_pool(session)


class Preloader:
    """
    Imports the operators once in each service of Airflow.

    The LocalExecutor forks its tasks' processes from the scheduler, the DAG processor its parsers: what is
    imported there already costs them nothing. Each task saves about half a second of CPU.
    """

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Import them when a service starts."""
        if _is_service(component):
            import auth0_sso.operators.sso_tickets  # noqa: F401


def _is_service(component: object) -> bool:
    # The scheduler, the DAG processor and the triggerer are jobs; a task's process says it is a task runner.
    return type(component).__name__ == "Job"


async def pages(scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]) -> None:
    """Serve the pages; what they import is loaded at the first request, since every task loads this file."""
    from sso_ui.pages import app

    await app(scope, receive, send)


class SsoTicketsPlugin(AirflowPlugin):
    """Registers the listener and the pages."""

    name = "sso_tickets"
    listeners: list[Any] = [PoolKeeper(), Preloader()]  # noqa: RUF012
    fastapi_apps: list[Any] = [  # noqa: RUF012
        {"app": pages, "url_prefix": "/sso-tickets", "name": "SSO tickets"},
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "SSO report",
            "href": "sso-tickets/reports/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "sso_report",
        },
    ]
