"""
The Management API's endpoints that tell what customers have set up.

Source: the Management API's documentation, and the shapes that Auth0's SDK for Python reads.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response
from fastapi.responses import JSONResponse

from dev.sandbox.api.management import Call, Endpoint
from dev.sandbox.api.paging import ByCheckpoint, ByPage, Selection, page_of, part_of, read_parameters
from dev.sandbox.tenant.connections import Connection, Domain
from dev.sandbox.tenant.state import TenantState

_ORGANIZATION: Final = "/api/v2/organizations/{id}"
_READ_OPTIONS: Final = "read:connections_options"


class _ConnectionSearch(ByPage, ByCheckpoint, Selection):
    name: str | None = None
    strategy: tuple[str, ...] = ()

    @property
    def is_by_checkpoint(self) -> bool:
        """Whether a parameter of the reading by checkpoint is given."""
        return bool({"take", "from_"} & self.model_fields_set)

    def finds(self, connection: Connection) -> bool:
        """Return whether a connection is meant."""
        return self.name in (None, connection.name) and (not self.strategy or connection.strategy in self.strategy)


def _check_connections(tenant: TenantState, call: Call) -> None:
    given = call.request.query_params
    call.query = read_parameters(_ConnectionSearch, {**given, "strategy": given.getlist("strategy")})


def _list_connections(tenant: TenantState, call: Call) -> Response:
    query: _ConnectionSearch = call.query
    with_options = _READ_OPTIONS in call.scopes
    found = [
        _connection(connection_id, connection, with_options)
        for connection_id, connection in tenant.connections.items()
        if query.finds(connection)
    ]
    if not query.is_by_checkpoint:
        return page_of([query.pick(item) for item in found], query, "connections")
    part, following = part_of(found, query)
    return JSONResponse({**following, "connections": [query.pick(item) for item in part]})


def _connection(connection_id: str, connection: Connection, with_options: bool) -> dict[str, Any]:
    config = connection.config
    options = config.get("options") or {}
    verified = [domain.domain for domain in connection.domains.values() if domain.verified]
    aliases = [*(options.get("domain_aliases") or ()), *verified]
    return {
        "id": connection_id,
        "name": connection.name,
        "display_name": config.get("display_name", connection.name),
        "strategy": connection.strategy,
        "realms": [connection.name],
        "is_domain_connection": config.get("is_domain_connection", False),
        "show_as_button": config.get("show_as_button", True),
        "metadata": config.get("metadata", {}),
        "enabled_clients": connection.client_ids,
        **({"options": {**options, "domain_aliases": aliases}} if with_options else {}),
    }


def _check_enabled(tenant: TenantState, call: Call) -> None:
    call.query = read_parameters(ByPage, dict(call.request.query_params))


def _list_enabled(tenant: TenantState, call: Call) -> Response:
    organization_id = call.request.path_params["id"]
    enabled = tenant.connections.enabled_for(organization_id)
    items = [_enabled(one, connection, organization_id) for one, connection in enabled.items()]
    return page_of(items, call.query, "enabled_connections")


def _enabled(connection_id: str, connection: Connection, organization_id: str) -> dict[str, Any]:
    entry = connection.enabled_organizations[organization_id]
    return {
        "connection_id": connection_id,
        "assign_membership_on_login": entry.get("assign_membership_on_login", False),
        "show_as_button": entry.get("show_as_button", True),
        "is_signup_enabled": False,
        "connection": {"name": connection.name, "strategy": connection.strategy},
    }


def _check_domains(tenant: TenantState, call: Call) -> None:
    call.query = read_parameters(ByCheckpoint, dict(call.request.query_params))


def _list_domains(tenant: TenantState, call: Call) -> Response:
    domains = tenant.connections.domains_of([call.request.path_params["id"]])
    part, following = part_of([_domain(domain) for domain in domains.values()], call.query)
    return JSONResponse({**following, "domains": part})


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "id": domain.id,
        "domain": domain.domain,
        "status": domain.status,
        "use_for_organization_discovery": domain.use_for_organization_discovery,
        "verification_host": f"_auth0-challenge.{domain.domain}",
        "verification_txt": domain.verification_txt,
    }


CONNECTION_ENDPOINTS: Final = (
    Endpoint(
        route="connections",
        method="GET",
        path="/api/v2/connections",
        scope="read:connections",
        check=_check_connections,
        do=_list_connections,
    ),
    Endpoint(
        route="organization_connections",
        method="GET",
        path=f"{_ORGANIZATION}/enabled_connections",
        scope="read:organization_connections",
        check=_check_enabled,
        do=_list_enabled,
    ),
    Endpoint(
        route="discovery_domains",
        method="GET",
        path=f"{_ORGANIZATION}/discovery-domains",
        scope="read:organization_discovery_domains",
        check=_check_domains,
        do=_list_domains,
    ),
)
