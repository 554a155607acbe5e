"""Links that edit a connection. Source: "Manage Self-Service Enterprise Configuration"."""

from __future__ import annotations

import pytest

from tests.contract.client import Answer, ContractClient
from tests.contract.facts import details, kinds, objects
from tests.contract.window import Window

NEEDS_CONNECTION = "a connection must exist, and the suite creates none in a tenant"


@pytest.mark.assumption("the API's page has no status for it")
def test_an_edit_link_for_an_unknown_connection_is_400(client: ContractClient) -> None:
    refused = client.create({"connection_id": "con_0000000000000000", "enabled_features": {"sso": True}})
    status = {name: refused.error.get(name) for name in ("statusCode", "error")}
    assert (refused.status, status) == (400, {"statusCode": 400, "error": "Bad Request"})


@pytest.fixture(scope="module")
def connection_id(client: ContractClient, finished_connection: str) -> str:
    found = objects(client.read("connections", name=finished_connection, fields="id").body)
    return str(found[0]["id"])


@pytest.fixture(scope="module")
def edit(client: ContractClient, connection_id: str) -> Answer:
    return client.create({"connection_id": connection_id, "enabled_features": {"sso": True}})


@pytest.mark.sandbox_only(NEEDS_CONNECTION)
def test_an_edit_link_needs_only_the_id_of_a_connection(edit: Answer) -> None:
    assert (edit.status, kinds(edit.body)) == (201, {"ticket": "text"})


@pytest.mark.sandbox_only(NEEDS_CONNECTION)
def test_an_edit_link_with_no_feature_that_is_true_is_400(client: ContractClient, connection_id: str) -> None:
    assert client.create({"connection_id": connection_id, "enabled_features": {"sso": False}}).status == 400


@pytest.mark.sandbox_only(NEEDS_CONNECTION)
def test_the_event_of_an_edit_link_has_the_name_of_its_connection_and_the_flow_type_update(
    client: ContractClient, edit: Answer, window: Window, finished_connection: str
) -> None:
    events = objects(client.read("logs", q=window.query(), sort="date:1", per_page=100).body)
    ours = [one for one in map(details, events) if one.get("connection_name") == finished_connection]
    last = {name: ours[-1].get(name) for name in ("ss_sso_event_name", "flow_type")}
    assert last == {"ss_sso_event_name": "ss_sso_ticket_generation", "flow_type": "update"}
