"""The project's Airflow plugin: it creates the pool that is the rate limit, and shows reports in the UI."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

DAG_IDS = ("create_sso_tickets", "revoke_sso_tickets")
PRELOADED = (
    "auth0_sso.operators.approval",
    "auth0_sso.operators.notify",
    "auth0_sso.operators.sso_tickets",
    "auth0_sso.tickets.forecast",
    "include.create_tickets",
    "include.params",
    "include.revoke_tickets",
    "include.texts",
)

log = logging.getLogger(__name__)


class Listener:
    """
    Creates the pool if it is missing, when a service of Airflow or a run starts, and preloads what the DAGs import.

    It also publishes the pool's slots and a name of this Airflow, which tasks can't look up, then and when a run of
    this project's DAGs starts.

    Tasks of a missing pool would stay ``scheduled`` forever. The LocalExecutor forks tasks from the scheduler, so what
    the DAGs import is imported once for all of them; each task saves about half a second of CPU.
    """

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Do so in Airflow's services; a task's process has no access to the database."""
        if type(component).__name__ != "Job":  # the scheduler, the DAG processor and the triggerer are jobs
            return
        from airflow.utils.session import create_session
        from auth0_sso.runtime.pool import ensure_pool, publish_slots
        from auth0_sso.runtime.variables import publish_installation

        preload()
        with create_session() as session:
            ensure_pool(session)
            publish_slots(session)
            publish_installation(session)

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:
        """Create a pool that was deleted, and publish its slots, in the scheduler's own transaction."""
        from auth0_sso.runtime.pool import ensure_pool, publish_slots
        from auth0_sso.runtime.variables import publish_installation
        from sqlalchemy.orm import object_session

        if (session := object_session(dag_run)) is not None:
            ensure_pool(session)
            if dag_run.dag_id in DAG_IDS:
                publish_slots(session)
                publish_installation(session)


def preload() -> None:
    """Import what the DAGs import. What a service can't import, like ``include`` without its folder, the tasks do."""
    for name in PRELOADED:
        try:
            import_module(name)
        except ImportError as error:
            log.info("%s is not preloaded: %s", name, error)


async def pages(scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[Any]]) -> None:
    """Serve the pages; imported at the first request, since every task loads this file."""
    from sso_ui.app import app

    await app(scope, receive, send)


class SsoTicketsPlugin(AirflowPlugin):
    """Registers the listener and the pages."""

    name = "sso_tickets"
    listeners: list[Any] = [Listener()]  # noqa: RUF012
    fastapi_apps: list[Any] = [  # noqa: RUF012
        {"app": pages, "url_prefix": "/sso-tickets", "name": "SSO tickets"}
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "SSO tickets",
            "href": "sso-tickets/",
            "destination": "nav",
            "url_route": "sso_tickets",
            "nav_top_level": True,
        },
        {
            "name": "SSO report",
            "href": "sso-tickets/reports/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "sso_report",
        },
    ]
