"""Links from a task to what it belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

PAGES_PREFIX = "/sso-tickets"

# The oldest tenants, all in the US, have no region in their domain.
_TENANT = re.compile(r"(?P<name>[a-z0-9-]+)(\.(?P<region>[a-z]{2}))?\.auth0\.com")


def ui_address(*parts: str) -> str:
    """Return the address of a page in this Airflow, from the parts of its path."""
    base_url = conf.get("api", "base_url", fallback="").rstrip("/")
    return "/".join((base_url, *(quote(part, safe="") for part in parts)))


def profiles_address(domain: str) -> str:
    """
    Return the address of the page in Auth0's dashboard that lists a tenant's self-service profiles.

    :param domain: the tenant's canonical domain, such as ``acme.eu.auth0.com``; for any other host it returns "".
    """
    tenant = _TENANT.fullmatch(domain)
    if tenant is None:
        return ""
    return f"https://manage.auth0.com/dashboard/{tenant['region'] or 'us'}/{tenant['name']}/connections/enterprise"


class ReportLink(BaseOperatorLink):
    """
    The run's report, for whoever may read the DAG's XComs; the link itself holds no ticket.

    Airflow stores each link of a task instance as an XCom, one more request to its API, so it is for a task that is not
    mapped.
    """

    @property
    def name(self) -> str:
        """The button's label."""
        return "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the report's page in this Airflow."""
        return ui_address(PAGES_PREFIX.strip("/"), "reports", ti_key.dag_id, ti_key.run_id)


class ProfileLink(BaseOperatorLink):
    """
    The tenant's self-service profiles in Auth0's dashboard, whose address names no single profile.

    Its operator has an ``auth0_conn_id``. As the report's, this link is for a task that is not mapped.
    """

    @property
    def name(self) -> str:
        """The button's label."""
        return "Auth0 profile"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the list of profiles; for a tenant that isn't at ``auth0.com``, no button is shown."""
        from auth0_sso.hooks.auth0 import Auth0Hook

        return profiles_address(Auth0Hook(cast("Any", operator).auth0_conn_id).settings.domain)
