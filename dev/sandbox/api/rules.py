"""
The rules beyond the schema for the body of a create-ticket request.

Source: Auth0's page "Manage Self-Service Enterprise Configuration".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

Body = Mapping[str, Any]


def rule_violation(body: Body, known_domains: Collection[str] = ()) -> str | None:
    """
    Return the first rule that a body breaks, in words, or ``None``.

    :param body: a body that fits the schema
    :param known_domains: the domains that the body's organizations have already
    """
    rules = chain(_features(body), _provisioning(body), _domains(body, known_domains))
    return next(rules, None)


def _features(body: Body) -> Iterator[str]:
    features = body.get("enabled_features")
    if ("connection_id" in body) == ("connection_config" in body):
        yield "exactly one of connection_id and connection_config must be given"
    if features is None:
        return
    if "connection_id" not in body:
        yield "enabled_features can only be given with connection_id"
    if not any(features.values()):
        yield "enabled_features must have at least one feature that is true"
    if features.get("provisioning") and "provisioning_config" not in body:
        yield "enabled_features.provisioning needs provisioning_config"


def _provisioning(body: Body) -> Iterator[str]:
    config = body.get("provisioning_config")
    if config is None:
        return
    if not {"scopes", "google_workspace"} & config.keys():
        yield "provisioning_config needs scopes or google_workspace"
    workspace = config.get("google_workspace", {})
    if workspace.get("sync_groups") and not workspace["sync_users"]:
        yield "provisioning_config.google_workspace.sync_groups needs sync_users"


def _domains(body: Body, known_domains: Collection[str]) -> Iterator[str]:
    connection = body.get("connection_config", {})
    config = body.get("domain_aliases_config", {})
    domains = config.get("pending_domains", ())
    verifies = config.get("domain_verification") in ("optional", "required")
    organizations = len(body.get("enabled_organizations", ()))
    more = {*known_domains} - {*domains} if organizations == 1 else set()
    count = len(domains) + len(more)
    most = 100 if organizations == 1 else 1_000
    if domains and not verifies:
        yield "pending_domains needs domain_verification to be optional or required"
    if domains and count > most:
        yield f"pending_domains adds up to {count} domains, at most {most} are allowed"
    if body.get("use_for_organization_discovery"):
        if organizations != 1:
            yield "use_for_organization_discovery needs exactly one organization in enabled_organizations"
        if not verifies and not (connection.get("options") or {}).get("domain_aliases"):
            yield "use_for_organization_discovery needs domain_verification to be optional or required"
    if "third_party_client_access_config" in body and connection.get("is_domain_connection"):
        yield "third_party_client_access_config cannot be given for a domain connection"
