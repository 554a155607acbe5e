"""The operators in a DAG of one's own: what a mapped one returns is revoked, and no rendered field shows a link."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session
from sqlalchemy import select

from dev.sandbox.server import Sandbox
from tests.integration.runs import Connect

DAG = """
from airflow.sdk import DAG
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator

POOL = {{"pool": "auth0_management_api"}}
bodies = [{{"connection_config": {{"name": name}}}} for name in ("one", "two")]
requests = [[{{"organization_id": "org_1", "body": body}}] for body in bodies]
with DAG("{dag_id}", schedule=None):
    mapped = CreateSsoTicketsOperator.partial(task_id="create", **POOL).expand(requests=requests)
    {revoke}
"""
WAYS = {
    "the_output_of_a_mapped_task": 'RevokeSsoTicketsOperator(task_id="revoke", tickets=mapped.output)',
    "outputs_in_a_list": 'RevokeSsoTicketsOperator(task_id="revoke", tickets=[mapped.output])',
    "a_mapped_revocation": 'RevokeSsoTicketsOperator.partial(task_id="revoke", **POOL).expand(tickets=mapped.output)',
    "a_partial_revocation": 'RevokeSsoTicketsOperator.partial(task_id="revoke", tickets=mapped.output, **POOL)'
    '.expand(organization_ids=[["org_2"]])',
}


@pytest.mark.parametrize("dag_id", WAYS)
def test_what_a_mapped_task_has_created_is_revoked_and_no_rendered_field_has_a_link(
    airflow: None, connect: Connect, tenant: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dag_id: str
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / f"{dag_id}.py").write_text(DAG.format(dag_id=dag_id, revoke=WAYS[dag_id]))
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": dag_id, "classpath": classpath, "kwargs": {"path": str(tmp_path)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))

    dag = DagBag(tmp_path).dags[dag_id]
    assert dag.get_task("revoke").upstream_task_ids == {"create"}
    run = dag.test()

    assert str(run.state) == "success"
    assert [ticket.state for ticket in tenant.tickets] == ["revoked", "revoked"]
    with create_session() as session:
        fields_of = RenderedTaskInstanceFields
        of_run = select(fields_of.rendered_fields).where(fields_of.run_id == run.run_id)
        fields = json.dumps(list(session.scalars(of_run)))
    assert "not shown: it may have links in it" in fields
    assert [ticket.id for ticket in tenant.tickets if ticket.id in fields] == []
    assert "connections-flow" not in fields
