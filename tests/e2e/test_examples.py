"""The example DAGs, which the documentation quotes, on a real Airflow."""

from __future__ import annotations

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import Trigger


def test_a_dag_of_ones_own_creates_a_ticket_and_revokes_it(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    tenant.reset()
    run = trigger("one_ticket")
    assert run.state == "success"
    ((entry,), (revoked,)) = (airflow.xcom(run.dag_id, run.run_id, task_id) for task_id in ("create", "revoke"))
    (outcome,) = entry["tickets"]
    assert (outcome["status"], outcome["organization_id"]) == ("created", "org_a1B2c3")
    assert (revoked["status"], revoked["ticket_id"]) == ("revoked", outcome["ticket_id"])
    (ticket,) = tenant.tickets
    assert (ticket.id, ticket.state) == (outcome["ticket_id"], "revoked")
    assert ticket.body["enabled_clients"] == ["the application's id"]


def test_a_python_task_creates_a_ticket_with_the_hook(trigger: Trigger, airflow: AirflowApi, tenant: Sandbox) -> None:
    tenant.reset()
    run = trigger("ticket_from_a_task")
    assert run.state == "success"
    (ticket,) = tenant.tickets
    assert ticket.organization_ids == ("org_a1B2c3",)
    assert ticket.body["enabled_clients"] == ["the application's id"]
    assert ticket.id not in run.log("create")
