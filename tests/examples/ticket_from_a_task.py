"""Create an access ticket in a Python task, with the hook's synchronous form."""

from typing import Any

from airflow.sdk import dag, task
from auth0_sso.hooks.auth0 import Auth0Hook


@dag(schedule=None, params={"organization_id": "org_a1B2c3", "name": "acme-saml"})
def ticket_from_a_task() -> None:
    @task(pool="auth0_management_api")
    def create(params: dict[str, Any]) -> str:
        organizations = [{"organization_id": params["organization_id"]}]
        body = {"connection_config": {"name": params["name"]}, "enabled_organizations": organizations}
        ticket = Auth0Hook().create_sso_ticket_sync(body)
        return ticket.ticket_id[:4]  # whoever has the whole of it configures the customer's login

    create()


ticket_from_a_task()
