"""
The rules beyond the schema, one function each.

Source: Auth0 documentation, "Manage Self-Service Enterprise Configuration". Each rule reads one row and
yields the path that breaks it, and its text for the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from include.prospects.rows.draft import Draft
from include.prospects.schema.models import EnabledFeatures

Findings = Iterator[tuple[str, str]]

MAX_DOMAINS_OF_ONE_ORGANIZATION = 100

_VERIFICATION = "domain_aliases_config.domain_verification"
_PENDING = "domain_aliases_config.pending_domains"
_DISCOVERY = "use_for_organization_discovery"
_SYNC_USERS = "provisioning_config.google_workspace.sync_users"
_SYNC_GROUPS = "provisioning_config.google_workspace.sync_groups"


def one_kind_of_ticket(draft: Draft) -> Findings:
    """A ticket edits a connection or makes one."""
    if draft.has("connection_id") and draft.has("connection_config"):
        other = draft.column_of("connection_config")
        yield "connection_id", f"edits a connection, while {other} makes a new one: keep one of the two"


def features_are_for_editing(draft: Draft) -> Findings:
    """Only an edit ticket can be narrowed to some features."""
    if draft.has("enabled_features") and not draft.has("connection_id"):
        yield "enabled_features", "is only for tickets that edit a connection: give connection_id or remove it"


def some_feature_is_enabled(draft: Draft) -> Findings:
    """A ticket that allows nothing is refused."""
    if not draft.has("enabled_features"):
        return
    names = EnabledFeatures.model_fields
    features = [f"enabled_features.{name}" for name in names]
    if not any(draft.get(feature) or draft.is_bad(feature) for feature in features):
        yield "enabled_features", f"must set at least one of {', '.join(names)} to true"


def provisioning_feature_has_config(draft: Draft) -> Findings:
    """Provisioning can't be enabled without its configuration."""
    if draft.get("enabled_features.provisioning") and not draft.has("provisioning_config"):
        yield "enabled_features.provisioning", "needs provisioning_config.scopes or .google_workspace"


def provisioning_has_means(draft: Draft) -> Findings:
    """Provisioning uses SCIM, which needs scopes, or Google Workspace."""
    means = ("provisioning_config.scopes", "provisioning_config.google_workspace")
    is_usable = draft.has("provisioning_config") and not draft.is_bad("provisioning_config")
    if is_usable and not any(draft.has(path) for path in means):
        yield "provisioning_config", f"needs {' or '.join(means)}"


def pending_domains_are_verified(draft: Draft) -> Findings:
    """Pending domains make no sense when verification is off."""
    if draft.get(_PENDING) and draft.get(_VERIFICATION) == "none":
        yield _PENDING, f"needs {_VERIFICATION} optional or required, not none"


def pending_domains_are_few(draft: Draft) -> Findings:
    """One organization takes fewer domains than a connection of none or several, which the schema bounds."""
    most, domains = MAX_DOMAINS_OF_ONE_ORGANIZATION, draft.get(_PENDING) or ()
    if _organization_count(draft) != 1 or len(domains) <= most:
        return
    count = len({str(domain).lower() for domain in domains})
    if count > most:
        yield _PENDING, f"must be at most {most} domains for one organization, not {count}"


def discovery_has_one_organization(draft: Draft) -> Findings:
    """A domain can lead to one organization only."""
    if draft.get(_DISCOVERY) and _organization_count(draft) not in (None, 1):
        yield _DISCOVERY, "needs exactly one organization in enabled_organizations"


def discovery_has_domains(draft: Draft) -> Findings:
    """Discovery needs verified domains."""
    if not draft.get(_DISCOVERY) or draft.is_bad(_VERIFICATION):
        return
    aliases = "connection_config.options.domain_aliases"
    if draft.get(_VERIFICATION) in (None, "none") and not (draft.get(aliases) or draft.is_bad(aliases)):
        yield _DISCOVERY, f"needs {_VERIFICATION} optional or required"


def third_party_access_is_given_once(draft: Draft) -> Findings:
    """A connection that is open to third parties leaves the customer no choice."""
    path = "third_party_client_access_config"
    if draft.has(path) and draft.get("connection_config.is_domain_connection"):
        yield path, "excludes connection_config.is_domain_connection true: remove one of the two"


def groups_are_synced_with_users(draft: Draft) -> Findings:
    """Groups can't be synchronized without their users."""
    if draft.get(_SYNC_GROUPS) and draft.get(_SYNC_USERS) is False:
        yield _SYNC_GROUPS, f"needs {_SYNC_USERS} true"


def own_organization_is_enabled(draft: Draft) -> Findings:
    """A list of organizations contains the row's own: otherwise its members could not log in."""
    listed, own = draft.get("enabled_organizations"), draft.get("organization_id")
    if listed is None or own is None:
        return
    if own not in [item.get("organization_id") for item in listed if isinstance(item, dict)]:
        yield "enabled_organizations", f"must contain the row's organization_id {own}"


def organization_settings_are_given_once(draft: Draft) -> Findings:
    """The two short names set fields of the entry that ``enabled_organizations`` replaces."""
    for short in ("assign_membership_on_login", "organization_show_as_button"):
        if draft.has(short) and draft.has("enabled_organizations"):
            yield short, "is overruled by column enabled_organizations: set it there and leave this cell empty"


def _organization_count(draft: Draft) -> int | None:
    """Count the request's organizations: one, unless the row lists them; None when the list can't be read."""
    if not draft.has("enabled_organizations"):
        return 1
    listed = draft.get("enabled_organizations")
    return None if listed is None else len(listed)


RULES: tuple[Callable[[Draft], Findings], ...] = (
    one_kind_of_ticket,
    features_are_for_editing,
    some_feature_is_enabled,
    provisioning_feature_has_config,
    provisioning_has_means,
    pending_domains_are_verified,
    pending_domains_are_few,
    discovery_has_one_organization,
    discovery_has_domains,
    third_party_access_is_given_once,
    groups_are_synced_with_users,
    own_organization_is_enabled,
    organization_settings_are_given_once,
)
