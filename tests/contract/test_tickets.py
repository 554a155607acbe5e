"""
Links that are made, refused and revoked.

Source: the Management API's pages and "Manage Self-Service Enterprise Configuration".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.client import CONNECTION_NAME, Answer, ContractClient, ticket_id_of
from tests.contract.customer import Customer
from tests.contract.facts import kinds, link_facts

NEW = {"connection_config": {"name": CONNECTION_NAME}}
NO_CONNECTION = "con_0000000000000000"
NO_PROFILE = "ssp_0000000000000000000000"
NO_TICKET = "0" * 32

BAD_BODIES: dict[str, dict[str, Any]] = {
    "an unknown field": {**NEW, "unknown": 1},
    "connection_config beside connection_id": {**NEW, "connection_id": NO_CONNECTION},
    "enabled_features without connection_id": {**NEW, "enabled_features": {"sso": True}},
    "pending_domains with verification none": {
        **NEW,
        "domain_aliases_config": {"domain_verification": "none", "pending_domains": ["contract.example"]},
    },
    "pending_domains without verification": {
        **NEW,
        "domain_aliases_config": {"pending_domains": ["contract.example"]},
    },
}


def test_a_link_is_201_and_the_body_has_only_its_url(created: Answer) -> None:
    assert (created.status, kinds(created.body)) == (201, {"ticket": "text"})


@pytest.mark.assumption("the API's page calls it only the URL for the created ticket")
def test_a_link_is_of_the_tenants_host_and_its_parameter_ticket_is_32_letters_and_digits(
    client: ContractClient, created: Answer
) -> None:
    facts = link_facts((created.body or {}).get("ticket"), client.settings.base_url)
    assert facts == {
        "host": "the tenant's",
        "path": "/self-service/connections-flow",
        "parameters": "ticket",
        "ticket": "32 letters and digits",
    }


@pytest.mark.assumption("no page says whether a link reserves the name of its connection")
def test_a_second_link_for_the_same_name_is_another_one(created: Answer, created_again: Answer) -> None:
    is_another = ticket_id_of(created_again) not in ("", ticket_id_of(created))
    facts = {"status": created_again.status, "another link": is_another}
    assert facts == {"status": 201, "another link": True}


@pytest.fixture(scope="module", params=BAD_BODIES)
def refused(request: pytest.FixtureRequest, client: ContractClient) -> Answer:
    return client.create(BAD_BODIES[request.param])


def test_a_body_that_breaks_the_schema_or_a_rule_is_400(refused: Answer) -> None:
    status = {name: refused.error.get(name) for name in ("statusCode", "error")}
    assert (refused.status, status) == (400, {"statusCode": 400, "error": "Bad Request"})


@pytest.mark.assumption("the API's page says only that the message varies")
def test_the_400_says_invalid_body_and_payload_validation_error(refused: Answer) -> None:
    begins = refused.message().partition(":")[0]
    assert (refused.error.get("errorCode"), begins) == ("invalid_body", "Payload validation error")


@pytest.mark.assumption("the schema needs neither; the page about the setup calls them two kinds of link")
def test_a_body_without_connection_config_and_connection_id_is_400(client: ContractClient) -> None:
    assert client.create({}).status == 400


@pytest.mark.assumption("the API's page lists no 404")
def test_an_unknown_profile_is_404_without_an_error_code(client: ContractClient) -> None:
    refused = client.create(NEW, profile_id=NO_PROFILE)
    assert (refused.status, refused.error) == (404, {"statusCode": 404, "error": "Not Found"})


@pytest.mark.needs_scope("read:self_service_profiles")
def test_a_profile_has_its_id_and_its_name(client: ContractClient) -> None:
    profile = client.read(f"self-service-profiles/{client.settings.profile_id}")
    fields = {"id": "text", "name": "text"}
    assert (profile.status, kinds(profile.body, fields)) == (200, fields)


@pytest.mark.needs_scope("delete:sso_access_tickets")
def test_a_revocation_is_202(client: ContractClient, created: Answer) -> None:
    assert client.revoke(created).status == 202


@pytest.mark.needs_scope("delete:sso_access_tickets")
def test_the_revocation_of_an_unknown_link_is_202(client: ContractClient) -> None:
    assert client.revoke_ticket(NO_TICKET).status == 202


@pytest.mark.sandbox_only("a connection must exist, and the suite creates none in a tenant")
def test_a_link_for_the_name_of_a_connection_that_exists_is_409(
    client: ContractClient, finished_connection: str
) -> None:
    refused = client.create({"connection_config": {"name": finished_connection}})
    status = {name: refused.error.get(name) for name in ("statusCode", "error")}
    message = "A connection with this name already exists."
    assert (refused.status, status, refused.message()) == (409, {"statusCode": 409, "error": "Conflict"}, message)


@pytest.mark.sandbox_only("a link must be opened, and the suite opens none of a tenant")
@pytest.mark.needs_scope("delete:sso_access_tickets")
def test_a_revoked_link_can_not_be_opened(client: ContractClient, customer: Customer) -> None:
    link = client.create(NEW)
    before = customer.opens(link)
    client.revoke(link)
    assert (before, customer.opens(link)) == (200, 410)
