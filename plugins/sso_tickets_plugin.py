"""The project's Airflow plugin: it creates the pool that is the rate limit, and shows reports in the UI."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DAG_IDS = ("create_sso_tickets", "revoke_sso_tickets", "follow_sso_setups", "mail_sso_tickets")
PRELOADED = (
    "auth0_sso.operators.approval",
    "auth0_sso.operators.notify",
    "auth0_sso.operators.sso_tickets",
    "auth0_sso.tickets.forecast",
    "auth0_sso.setups.run",
    "include.create_tickets",
    "include.follow_setups",
    "include.mail_tickets",
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
        from auth0_sso.airflow_internals import is_service, service_session

        if not is_service(component):
            return
        preload()
        with service_session() as session:
            ensure_pool(session)
            publish_slots(session)
            publish_installation(session)

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:
        """Create a pool that was deleted, and publish its slots, in the scheduler's own transaction."""
        from auth0_sso.airflow_internals import session_of

        session = session_of(dag_run)
        if session is None:
            return
        ensure_pool(session)
        if dag_run.dag_id in DAG_IDS:
            publish_slots(session)
            publish_installation(session)


def ensure_pool(session: Session) -> None:
    """Create the pool if it is missing, never change it. The caller commits."""
    from auth0_sso.airflow_internals import create_pool
    from auth0_sso.models import TENANT
    from auth0_sso.runtime.pool import SMALLEST_PLAN_SLOTS

    description = "The Auth0 rate limit: each slot stands for requests_per_slot requests a second."
    if create_pool(session, TENANT.pool, SMALLEST_PLAN_SLOTS, description):
        log.warning(
            "Pool '%s' was missing; created with %d slots. Size it to your Auth0 plan.",
            TENANT.pool,
            SMALLEST_PLAN_SLOTS,
        )


def publish_slots(session: Session) -> None:
    """
    Keep the Airflow variable ``auth0_management_api_slots`` equal to the pool's slots, as ``16 slots``.

    Tasks read it, since they can't read the pool. It is written only when it differs. The caller commits.
    """
    from auth0_sso.airflow_internals import pool_slots, write_variable
    from auth0_sso.models import TENANT

    slots = pool_slots(session, TENANT.pool)
    if slots is None:
        return
    # With its unit: Airflow warns in a task's log when it reads a variable of less than five characters.
    write_variable(session, TENANT.slots_variable, f"{slots} slots")


def publish_installation(session: Session) -> None:
    """
    Give this Airflow a name of its own, once, in the variable ``sso_tickets_installation``. The caller commits.

    See :mod:`auth0_sso.runtime.installation`.
    """
    from auth0_sso.airflow_internals import write_variable
    from auth0_sso.runtime.installation import INSTALLATION_VARIABLE

    write_variable(session, INSTALLATION_VARIABLE, uuid.uuid4().hex, replace=False)


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
