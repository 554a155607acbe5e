"""Requests and tickets that a DAG of one's own gives to the operators."""

from __future__ import annotations

from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RowError
from auth0_sso.models import TicketRequest
from auth0_sso.operators.given_requests import organizations_of
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import TaskInstance
from tests.unit.auth0_sso.operators.conftest import execute

ACME = {"organization_id": "org_1", "body": {"connection_config": {"name": "acme"}}}
GLOBEX = TicketRequest(
    organization_id="org_2",
    prospect_email="Ada@globex.example",
    body={"connection_config": {"name": "globex"}},
)


def create(requests: Any, **options: Any) -> TaskInstance:
    return execute(CreateSsoTicketsOperator(task_id="create", requests=requests, **options))


def revoke(**options: Any) -> TaskInstance:
    return execute(RevokeSsoTicketsOperator(task_id="revoke", **options), run_id="run-2")


def test_the_same_request_again_reuses_its_ticket(tenant: Sandbox) -> None:
    create([ACME])
    assert factories.by_row(create([ACME]).returned)[1]["status"] == "created", "by this very run"
    assert tenant.stats().tickets == 1


@pytest.mark.parametrize(
    ("request_", "prospect"),
    [
        (ACME, "acme"),
        ({"organization_id": "org_1", "body": {"connection_id": "con_1"}}, "con_1"),
        ({**ACME, "prospect_name": "Ada", "prospect_email": "ADA@acme.example"}, "ada@acme.example"),
        ({**ACME, "prospect_name": "Ada"}, "Ada"),
        ({**ACME, "prospect": "crm-7", "prospect_name": "Ada"}, "crm-7"),
    ],
)
def test_a_request_is_known_again_by_its_prospect(request_: dict[str, Any], prospect: str) -> None:
    ((found,),) = [organization.requests for organization in organizations_of([request_])]
    assert found.prospect == prospect


def test_a_body_that_names_organizations_itself_keeps_them() -> None:
    enabled = [{"organization_id": "org_1", "show_as_button": False}]
    (organization,) = organizations_of([{**ACME, "body": {"enabled_organizations": enabled}}])
    assert organization.requests[0].body["enabled_organizations"] == enabled


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"body": {}}, "Request 2 is wrong: organization_id: "),
        ({**ACME, "connection": "acme"}, "Request 2 is wrong: connection: "),
        ("org_1", "Request 2 is wrong: it: "),
    ],
)
def test_a_wrong_request_is_named_before_anything_is_sent(tenant: Sandbox, request_: Any, said: str) -> None:
    ti = create([ACME, request_])
    assert isinstance(ti.raised, ValueError)
    assert str(ti.raised).startswith(said)
    assert not tenant.requests


@pytest.mark.parametrize("plan_only", [False, True])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"ttl_sec": "soon"}, "body.ttl_sec: Input should be a valid integer"),
        ({"ttl_sec": True}, "body.ttl_sec: Input should be a valid integer"),
        ({"connection_config": {"name": "acme\ud800"}}, "body: 'utf-8' codec can't encode character"),
        ({"connection_config": {"metadata": {1: "a", "b": "c"}}}, "body: "),
        ({"connection_config": "acme"}, "body.connection_config: Input should be a valid dictionary"),
        ({"enabled_organizations": ["org_1"]}, "body.enabled_organizations.0: Input should be a valid dictionary"),
        ({"enabled_clients": "abc"}, "body.enabled_clients: Input should be a valid list"),
    ],
)
def test_a_request_whose_body_has_a_wrong_type_fails_alone(
    tenant: Sandbox, body: dict[str, Any], said: str, plan_only: bool
) -> None:
    ti = create([{"organization_id": "org_1", "prospect": "it", "body": body}, GLOBEX], plan_only=plan_only)
    wrong, other = factories.by_row(ti.pushed["return_value"]).values()
    assert isinstance(ti.raised, Auth0RowError)
    assert (wrong["status"], other["status"]) == ("failed", "planned" if plan_only else "created")
    assert f"The request is wrong, so it was not sent: {said}" in wrong["error"]
    assert tenant.stats().tickets == (0 if plan_only else 1)


@pytest.mark.parametrize("given", [{}, {"requests": [ACME], "batch": {"label": "", "batch": "x.json"}}])
def test_an_operator_takes_either_requests_or_a_batch(given: dict[str, Any]) -> None:
    ti = execute(CreateSsoTicketsOperator(task_id="create", **given))
    assert str(ti.raised) == "Task create needs one of requests and batch."


def test_a_mapping_and_a_model_each_become_a_ticket_that_can_be_revoked(tenant: Sandbox) -> None:
    created = create([ACME, GLOBEX]).returned
    assert sorted(ticket.organization_ids for ticket in tenant.tickets) == [("org_1",), ("org_2",)]
    ti = revoke(tickets=created)
    assert [result["status"] for result in ti.returned] == ["revoked", "revoked"]
    assert not factories.living(tenant)


def test_the_tickets_of_an_organization_can_be_revoked(tenant: Sandbox) -> None:
    create([ACME, GLOBEX])
    ti = revoke(organization_ids=["org_2"])
    assert [(result["organization_id"], result["status"]) for result in ti.returned] == [("org_2", "revoked")]
    assert len(factories.living(tenant)) == 1


def test_a_ticket_that_the_ledger_does_not_know_fails_and_the_others_are_revoked(tenant: Sandbox) -> None:
    created = factories.by_row(create([ACME]).returned)[1]
    unknown = {**created, "ticket_id": "unknown", "expires_at": "2999-01-01T00:00:00Z"}
    ti = revoke(tickets=[created, unknown])
    assert "1 of 2 tickets are not revoked" in str(ti.raised)
    assert sorted(result["status"] for result in ti.pushed["return_value"]) == ["failed", "revoked"]
    assert not factories.living(tenant)


@pytest.mark.parametrize(
    "given",
    [
        {"organization_ids": "org_1"},
        {"tickets": "[]"},
        {"organization_ids": ["org_1"], "batch": {"label": "", "batch": "x.json"}},
    ],
)
def test_a_selection_that_would_revoke_nothing_or_something_else_is_refused(given: dict[str, Any]) -> None:
    assert "must be a list, and can't be given beside batch" in str(revoke(**given).raised)
