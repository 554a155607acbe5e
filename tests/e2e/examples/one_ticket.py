"""Create an access ticket in a DAG of one's own, and revoke it again."""

from airflow.sdk import DAG
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator

PARAMS = {"organization_id": "org_a1B2c3", "name": "acme-saml", "client_id": "the application's id"}

with DAG("one_ticket", schedule=None, params=PARAMS):
    created = CreateSsoTicketsOperator(
        task_id="create",
        requests=[
            {
                "organization_id": "{{ params.organization_id }}",
                "body": {
                    "connection_config": {"name": "{{ params.name }}"},
                    "enabled_clients": ["{{ params.client_id }}"],
                },
            }
        ],
    )
    created >> RevokeSsoTicketsOperator(task_id="revoke", tickets=created.output)
