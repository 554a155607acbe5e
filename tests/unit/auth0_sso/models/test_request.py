"""Request bodies that ask for the same ticket have one canonical form."""

from __future__ import annotations

from typing import Any

import pytest
from auth0_sso.models import canonical_body, comparable_body

BODY = {
    "connection_config": {"name": "Acme", "options": {"domain_aliases": ["a.example"]}},
    "domain_aliases_config": {"domain_verification": "optional", "pending_domains": ["a.example", "b.example"]},
    "enabled_clients": ["Client1", "client1"],
    "enabled_organizations": [{"organization_id": "org_1", "show_as_button": True}, {"organization_id": "org_2"}],
    "provisioning_config": {"scopes": ["get:users", "post:users"]},
}


def test_it_is_the_same_body_with_sorted_lists() -> None:
    assert canonical_body(BODY) == BODY


@pytest.mark.parametrize(
    "same",
    [
        {"enabled_clients": ["client1", "Client1", "client1"]},
        {"enabled_organizations": [{"organization_id": "org_2"}, {"show_as_button": True, "organization_id": "org_1"}]},
        {"provisioning_config": {"scopes": ("post:users", "get:users")}},
        {"domain_aliases_config": {"domain_verification": "optional", "pending_domains": ["B.example", "A.EXAMPLE"]}},
        {"connection_config": {"name": "Acme", "options": {"domain_aliases": ["A.example", "a.example"]}}},
    ],
)
def test_order_repetition_and_a_domains_case_do_not_count(same: dict[str, Any]) -> None:
    assert canonical_body({**BODY, **same}) == BODY


@pytest.mark.parametrize(
    "other",
    [
        {"enabled_clients": ["client1"]},
        {"connection_config": {"name": "acme", "options": {"domain_aliases": ["a.example"]}}},
        {"enabled_organizations": [{"organization_id": "org_1"}, {"organization_id": "org_2"}]},
    ],
)
def test_all_else_counts(other: dict[str, Any]) -> None:
    assert canonical_body({**BODY, **other}) != canonical_body(BODY)


@pytest.mark.parametrize(
    "same",
    [
        {"ttl_sec": 60},
        {"use_for_organization_discovery": False},
        {"connection_config": {**BODY["connection_config"], "display_name": "", "metadata": {}}},
        {"connection_config": {**BODY["connection_config"], "is_domain_connection": False}},
        {"provisioning_config": {"scopes": ["get:users", "post:users"], "token_lifetime": None}},
        {"enabled_features": None},
    ],
)
def test_what_is_empty_null_or_the_apis_default_makes_no_other_request(same: dict[str, Any]) -> None:
    assert comparable_body({**BODY, **same}) == comparable_body(BODY)


def test_unicode_forms_and_white_space_make_no_other_request() -> None:
    composed, decomposed = (
        {"connection_config": {"display_name": name}} for name in ("Müller AG", "Mu\u0308ller\xa0 AG")
    )
    assert comparable_body(composed) == comparable_body(decomposed)


def test_without_domains_no_verification_is_the_same_as_none() -> None:
    assert comparable_body({"domain_aliases_config": {"domain_verification": "none"}}) == {}
    assert comparable_body({"domain_aliases_config": {"domain_verification": "required"}}) != {}


@pytest.mark.parametrize("name", ["show_as_button"])
def test_a_false_that_may_not_be_the_default_counts(name: str) -> None:
    assert comparable_body({"connection_config": {name: False}}) != comparable_body({})


@pytest.mark.parametrize("odd", [None, "text", [1, None, {"a": [2, 1]}, "x"], {"pending_domains": [1, "A"]}, [[]]])
def test_what_is_malformed_stays_for_auth0_to_refuse(odd: Any) -> None:
    body = {"domain_aliases_config": odd, "enabled_clients": odd}
    assert set(canonical_body(body)) == set(body)
