"""The rules beyond the schema."""

from __future__ import annotations

from typing import Any

import pytest

from dev.sandbox.api.rules import rule_violation
from dev.sandbox.api.schema import schema_violation

NEW: dict[str, Any] = {"connection_config": {"name": "acme"}}
EDIT: dict[str, Any] = {"connection_id": "con_1"}
ONE = {"enabled_organizations": [{"organization_id": "org_1"}]}
TWO = {"enabled_organizations": [{"organization_id": "org_1"}, {"organization_id": "org_2"}]}
SCIM = {"provisioning_config": {"scopes": ["get:users"]}}
ALIASES = {"connection_config": {"name": "acme", "options": {"domain_aliases": ["acme.example.com"]}}}


def domains(count: int, verification: str = "optional") -> dict[str, Any]:
    pending = [f"d{number}.example.com" for number in range(count)]
    return {"domain_aliases_config": {"domain_verification": verification, "pending_domains": pending}}


@pytest.mark.parametrize(
    "body",
    [
        NEW,
        EDIT,
        EDIT | {"enabled_features": {"provisioning": True}} | SCIM,
        NEW | {"provisioning_config": {"google_workspace": {"sync_users": True, "sync_groups": True}}},
        NEW | ONE | domains(100),
        NEW | TWO | domains(1000, "required"),
        NEW | domains(0, "none"),
        NEW | ONE | domains(1) | {"use_for_organization_discovery": True},
        ALIASES | ONE | {"use_for_organization_discovery": True},
    ],
)
def test_a_body_that_keeps_the_rules_passes(body: dict[str, Any]) -> None:
    assert schema_violation(body) is None
    assert rule_violation(body) is None


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "exactly one of connection_id and connection_config"),
        (NEW | EDIT, "exactly one of connection_id and connection_config"),
        (NEW | {"enabled_features": {"sso": True}}, "enabled_features can only"),
        (EDIT | {"enabled_features": {"sso": False}}, "at least one"),
        (EDIT | {"enabled_features": {"provisioning": True}}, "needs provisioning_config"),
        (NEW | {"provisioning_config": {"token_lifetime": 900}}, "scopes or google_workspace"),
        (
            NEW | {"provisioning_config": {"google_workspace": {"sync_users": False, "sync_groups": True}}},
            "sync_groups needs sync_users",
        ),
        (NEW | domains(1, "none"), "domain_verification"),
        (NEW | ONE | domains(101), "101 domains, at most 100"),
        (NEW | TWO | domains(1001), "1001 domains, at most 1000"),
        (NEW | TWO | domains(1) | {"use_for_organization_discovery": True}, "exactly one organization"),
        (NEW | ONE | {"use_for_organization_discovery": True}, "domain_verification"),
        (
            {"connection_config": {"name": "acme", "is_domain_connection": True}}
            | {"third_party_client_access_config": {"allow_configuration": False}},
            "domain connection",
        ),
    ],
)
def test_a_broken_rule_is_named(body: dict[str, Any], named: str) -> None:
    assert schema_violation(body) is None
    assert named in str(rule_violation(body))
