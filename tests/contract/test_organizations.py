"""What an organization has of its connections. Source: the Management API's pages, and the types of Auth0's SDKs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.client import Answer, ContractClient
from tests.contract.facts import kind, kinds, objects
from tests.contract.tenant import Tenant


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tenant: Tenant, organization_id: str) -> str:
    """Return an organization; that of the suite's own sandbox has a connection and a domain."""
    if tenant.sandbox is not None:
        request.getfixturevalue("finished_connection")
    return organization_id


@pytest.fixture(scope="module")
def enabled(client: ContractClient, served: str) -> Answer:
    return client.read(f"organizations/{served}/enabled_connections")


@pytest.fixture(scope="module")
def domains(client: ContractClient, served: str) -> Answer:
    return client.read(f"organizations/{served}/discovery-domains", take=50)


def found(items: list[dict[str, Any]], what: str) -> dict[str, Any]:
    """Return the first of an organization's items."""
    if not items:
        pytest.skip(f"the organization has no {what}")
    return items[0]


@pytest.mark.needs_scope("read:organization_connections")
def test_the_connections_of_an_organization_are_a_list(enabled: Answer) -> None:
    assert (enabled.status, kind(enabled.body)) == (200, "list")


@pytest.mark.needs_scope("read:organization_connections")
def test_a_connection_of_an_organization_has_an_id_and_says_its_name_and_strategy(enabled: Answer) -> None:
    one = found(objects(enabled.body), "connection")
    fields = {"connection_id": "text", "assign_membership_on_login": "boolean", "connection": "object"}
    facts = (kinds(one, fields), kinds(one.get("connection"), ["name", "strategy"]))
    assert facts == (fields, {"name": "text", "strategy": "text"})


@pytest.mark.needs_scope("read:organization_discovery_domains")
def test_the_domains_of_an_organization_are_an_object_that_has_them(domains: Answer) -> None:
    assert (domains.status, kinds(domains.body, ["domains"])) == (200, {"domains": "list"})


@pytest.mark.needs_scope("read:organization_discovery_domains")
def test_a_domain_of_an_organization_has_an_id_a_name_and_is_pending_or_verified(domains: Answer) -> None:
    one = found(objects((domains.body or {}).get("domains")), "domain")
    is_either = one.get("status") in ("pending", "verified")
    facts = (kinds(one, ["id", "domain", "status"]), is_either)
    assert facts == ({"id": "text", "domain": "text", "status": "text"}, True)
