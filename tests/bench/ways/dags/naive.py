"""The naive DAG: one blocking POST a mapped task, a token for each, a pool as the limit."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Connection, Param, dag, task

POOL = "naive"


@task
def list_organizations(*, params: dict[str, Any]) -> list[str]:
    """Return the organizations' ids."""
    return [f"org_{params['prefix']}{number:05d}" for number in range(params["organizations"])]


@task(pool=POOL)
def create_tickets(organization_id: str) -> str:
    """Fetch a token and request one ticket."""
    import requests

    tenant = Connection.get("auth0_default")
    credentials = {
        "grant_type": "client_credentials",
        "client_id": tenant.login,
        "client_secret": tenant.password,
        "audience": f"https://{tenant.host.partition('://')[2]}/api/v2/",
    }
    token = requests.post(f"{tenant.host}/oauth/token", json=credentials, timeout=30)
    token.raise_for_status()
    made = requests.post(
        f"{tenant.host}/api/v2/self-service-profiles/{tenant.extra_dejson['profile_id']}/sso-ticket",
        headers={"Authorization": f"Bearer {token.json()['access_token']}"},
        json={
            "connection_config": {"name": organization_id.replace("_", "-")},
            "enabled_organizations": [{"organization_id": organization_id}],
        },
        timeout=30,
    )
    made.raise_for_status()
    return str(made.json()["ticket"])


@dag(
    schedule=None,
    max_active_tasks=1000,  # as in the project's DAGs
    params={"organizations": Param(100, type="integer"), "prefix": Param("naive", type="string")},
)
def naive() -> None:
    """Organizations → tickets."""
    create_tickets.expand(organization_id=list_organizations())


naive()
