"""The schema of a create-ticket body."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from dev.sandbox.api.schema import schema_violation

IDP = {"enabled": True, "client_id": "abc", "client_protocol": "oauth2", "client_authorizequery": "scope=openid"}
OPTIONS = {"icon_url": "https://cdn.example.com/a.png", "domain_aliases": ["acme.example.com"], "idpinitiated": IDP}
FULL: dict[str, Any] = {
    "connection_config": {
        "name": "acme-sso-1",
        "display_name": "Acme",
        "is_domain_connection": False,
        "show_as_button": True,
        "metadata": {"tier": "gold", "old": None},
        "options": OPTIONS,
    },
    "enabled_clients": ["abc"],
    "enabled_organizations": [
        {"organization_id": "org_0123456789abcdef", "assign_membership_on_login": True, "show_as_button": False}
    ],
    "ttl_sec": 432_000,
    "domain_aliases_config": {"domain_verification": "optional", "pending_domains": ["acme.example.com"]},
    "provisioning_config": {
        "scopes": ["get:users", "delete:groups"],
        "google_workspace": {"sync_users": True, "sync_groups": True},
        "token_lifetime": 900,
    },
    "use_for_organization_discovery": True,
    "third_party_client_access_config": {"allow_configuration": True},
}


BOUNDS: dict[str, list[Any]] = {
    "ttl_sec": [0, 1.0],
    "connection_id": ["con_anything"],
    "enabled_features": [{"sso": True}],
    "enabled_clients": [[]],
    "enabled_organizations": [[]],
    "connection_config.name": ["a", "A" * 128],
    "connection_config.options": [None],
    "connection_config.options.icon_url": [None],
    "connection_config.options.domain_aliases": [None],
    "connection_config.options.idpinitiated": [None],
    "connection_config.metadata": [{str(number): "x" for number in range(10)}],
    "provisioning_config.token_lifetime": [None],
    "domain_aliases_config.pending_domains": [[]],
}
BAD: dict[str, list[Any]] = {
    "ttl_sec": [-1, 432_001, "60", True, None],
    "unknown_field": [1],
    "connection_config": [None, {}],
    "connection_config.name": ["", "A" * 129, "a_b", "-a", "a-", "a--b", "a\n"],
    "connection_config.display_name": ["x" * 129],
    "connection_config.show_as_button": ["yes"],
    "connection_config.colour": ["red"],
    "connection_config.metadata": [{str(number): "x" for number in range(11)}],
    "connection_config.metadata.tier": ["x" * 256, 1],
    "connection_config.options.icon_url": ["http://cdn.example.com/acme.png", "https://"],
    "connection_config.options.domain_aliases": [[""], ["x" * 256]],
    "connection_config.options.idpinitiated.client_protocol": ["saml"],
    "connection_config.options.idpinitiated.client_authorizequery": ["x" * 257],
    "enabled_clients": ["abc", [1]],
    "enabled_organizations": [[{}]],
    "enabled_organizations.0.organization_id": ["o" * 51],
    "enabled_organizations.0.role": ["admin"],
    "domain_aliases_config": [{"pending_domains": ["acme.example.com"]}],
    "domain_aliases_config.domain_verification": ["sometimes"],
    "domain_aliases_config.pending_domains": [[""]],
    "provisioning_config.scopes": [[], ["get:roles"]],
    "provisioning_config.token_lifetime": [899],
    "provisioning_config.google_workspace": [{"sync_groups": True}],
    "use_for_organization_discovery": [1],
    "third_party_client_access_config": [{}],
    "enabled_features": [{"mfa": True}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the full body with one value changed; the path has dots."""
    body = deepcopy(FULL)
    *parents, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    place: Any = body
    for name in parents:
        place = place[name]
    place[last] = value
    return body


def each(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(path, value) for path, listed in values.items() for value in listed]


@pytest.mark.parametrize(("path", "value"), [("ttl_sec", 432_000), *each(BOUNDS)])
def test_a_body_with_every_field_and_a_value_at_a_bound_fits(path: str, value: Any) -> None:
    assert schema_violation(changed(path, value)) is None


@pytest.mark.parametrize(("path", "value"), each(BAD))
def test_a_value_out_of_bounds_is_named_with_its_place(path: str, value: Any) -> None:
    wrong = schema_violation(changed(path, value))
    assert wrong is not None
    assert any(name in wrong for name in reversed(path.split(".")))


@pytest.mark.parametrize("body", [None, [], "text"])
def test_a_body_that_is_not_an_object_is_refused(body: object) -> None:
    assert schema_violation(body) is not None
