"""The rules that a create-ticket body must keep beyond its schema.

Source: Auth0's page "Manage Self-Service Enterprise Configuration". Each rule takes a body that fits the
schema and returns what is wrong with it, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Body = Mapping[str, Any]

_CHECKED: Final = ("optional", "required")


def _one_kind(body: Body) -> str | None:
    if ("connection_id" in body) == ("connection_config" in body):
        return "exactly one of connection_id and connection_config must be given"
    return None


def _features(body: Body) -> str | None:
    features = body.get("enabled_features")
    if features is None:
        return None
    if "connection_id" not in body:
        return "enabled_features can only be given with connection_id"
    if not any(features.values()):
        return "enabled_features must have at least one feature that is true"
    if features.get("provisioning") and "provisioning_config" not in body:
        return "enabled_features.provisioning needs provisioning_config"
    return None


def _provisioning(body: Body) -> str | None:
    config = body.get("provisioning_config")
    if config is not None and not {"scopes", "google_workspace"} & config.keys():
        return "provisioning_config needs scopes or google_workspace"
    return None


def _google_workspace(body: Body) -> str | None:
    workspace = body.get("provisioning_config", {}).get("google_workspace", {})
    if workspace.get("sync_groups") and not workspace["sync_users"]:
        return "provisioning_config.google_workspace.sync_groups needs sync_users"
    return None


def _pending_domains(body: Body) -> str | None:
    domains = body.get("domain_aliases_config", {}).get("pending_domains", ())
    if not domains:
        return None
    if not _verifies(body):
        return "pending_domains needs domain_verification to be optional or required"
    most = 100 if len(body.get("enabled_organizations", ())) == 1 else 1_000
    if len(domains) > most:
        return f"pending_domains has {len(domains)} domains, at most {most} are allowed"
    return None


def _discovery(body: Body) -> str | None:
    if not body.get("use_for_organization_discovery"):
        return None
    if len(body.get("enabled_organizations", ())) != 1:
        return "use_for_organization_discovery needs exactly one organization in enabled_organizations"
    if not _verifies(body) and not _verified_aliases(body):
        return "use_for_organization_discovery needs domain_verification to be optional or required"
    return None


def _third_party_access(body: Body) -> str | None:
    if "third_party_client_access_config" in body and _connection(body).get("is_domain_connection"):
        return "third_party_client_access_config cannot be given for a domain connection"
    return None


def _connection(body: Body) -> Body:
    config: Body = body.get("connection_config", {})
    return config


def _verifies(body: Body) -> bool:
    return body.get("domain_aliases_config", {}).get("domain_verification") in _CHECKED


def _verified_aliases(body: Body) -> bool:
    return bool((_connection(body).get("options") or {}).get("domain_aliases"))


RULES: Final[tuple[Callable[[Body], str | None], ...]] = (
    _one_kind,
    _features,
    _provisioning,
    _google_workspace,
    _pending_domains,
    _discovery,
    _third_party_access,
)


def rule_violation(body: Body) -> str | None:
    """Return the first rule that a body breaks, in words, or nothing.

    :param body: a body that fits the schema
    """
    return next((wrong for rule in RULES if (wrong := rule(body))), None)
