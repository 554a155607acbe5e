"""Create an access ticket in a Python task, with the hook's synchronous form."""

from typing import Any

from airflow.sdk import dag, task
from auth0_sso.hooks.auth0 import Auth0Hook


def deliver(url: str) -> None:
    """Send the link to the customer. It is a secret: neither return nor log it, since Airflow's users see both."""


PARAMS = {"organization_id": "org_a1B2c3", "name": "acme-saml", "client_id": "the application's id"}


@dag(schedule=None, params=PARAMS)
def ticket_from_a_task() -> None:
    @task(pool="auth0_management_api")
    def create(params: dict[str, Any]) -> None:
        body = {
            "connection_config": {"name": params["name"]},
            "enabled_clients": [params["client_id"]],
            "enabled_organizations": [{"organization_id": params["organization_id"]}],
        }
        ticket = Auth0Hook().create_sso_ticket_sync(body)
        deliver(ticket.url)

    create()


ticket_from_a_task()
