"""The Management API's endpoints: those for self-service profiles and their tickets, and the list of all."""

from __future__ import annotations

from typing import Final

from fastapi import Response
from fastapi.responses import JSONResponse

from dev.sandbox.api.connections import CONNECTION_ENDPOINTS
from dev.sandbox.api.logs import LOG_ENDPOINTS
from dev.sandbox.api.management import Call, Endpoint
from dev.sandbox.api.rules import rule_violation
from dev.sandbox.api.schema import schema_violation
from dev.sandbox.errors import api_error, invalid_body
from dev.sandbox.tenant.logs import Visitor
from dev.sandbox.tenant.settings import STRATEGIES
from dev.sandbox.tenant.setup import Setup
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import connection_name, organization_ids

_PROFILES: Final = "/api/v2/self-service-profiles"
FLOW_PATH: Final = "/self-service/connections-flow"
"""The page behind a ticket URL."""


def _check_ticket(tenant: TenantState, call: Call) -> None:
    _check_custom_domain(tenant, call)
    wrong = schema_violation(call.body)
    if wrong is not None:
        raise invalid_body(wrong)
    known_domains = tenant.connections.domains_of(organization_ids(call.body))
    broken = rule_violation(call.body, known_domains)
    if broken is not None:
        raise invalid_body(f"'{broken}'")
    _check_profile(tenant, call)
    connection_id = call.body.get("connection_id")
    if connection_id is not None and connection_id not in tenant.connections:
        raise api_error(400, f"The connection {connection_id} does not exist")
    if tenant.connections.has_name(connection_name(call.body)):
        raise api_error(409, "A connection with this name already exists.", "connection_conflict")


def _check_custom_domain(tenant: TenantState, call: Call) -> None:
    domain = call.request.headers.get("auth0-custom-domain")
    if domain is None:
        return
    if not 3 <= len(domain) <= 255:
        raise api_error(400, "The header auth0-custom-domain must have 3 to 255 characters", "invalid_headers")
    known = tenant.settings.custom_domains
    if known and domain not in known:
        raise api_error(400, f"Custom domain {domain} is not one of the tenant's")


def _create_ticket(tenant: TenantState, call: Call) -> Response:
    ticket = tenant.create_ticket(call.request.path_params["id"], call.body)
    Setup(tenant, ticket, Visitor.of(call.request)).generated()
    call.seen.made_ticket = True
    custom_domain = call.request.headers.get("auth0-custom-domain")
    base = f"https://{custom_domain}" if custom_domain else tenant.settings.public_url or str(call.request.base_url)
    return JSONResponse({"ticket": f"{base.rstrip('/')}{FLOW_PATH}?ticket={ticket.id}"}, 201)


def _revoke_ticket(tenant: TenantState, call: Call) -> Response:
    ticket = tenant.tickets.get(call.request.path_params["ticket_id"])
    if ticket is not None and ticket.profile_id == call.request.path_params["id"]:
        ticket.revoked_at = ticket.revoked_at or tenant.clock()
    return Response(status_code=202)


def _check_profile(tenant: TenantState, call: Call) -> None:
    profile_id = call.request.path_params["id"]
    if profile_id not in tenant.settings.profile_ids:
        raise api_error(404, f"Profile with ID: {profile_id} not found")


def _show_profile(tenant: TenantState, call: Call) -> Response:
    profile_id = call.request.path_params["id"]
    profile = {
        "id": profile_id,
        "name": "Sandbox profile",
        "description": "A self-service profile of the sandbox tenant",
        "user_attributes": [],
        "allowed_strategies": STRATEGIES,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }
    return JSONResponse(profile)


def _find_nothing(tenant: TenantState, call: Call) -> Response:
    raise api_error(404, "Not Found")


ENDPOINTS: Final = (
    Endpoint(
        route="create",
        method="POST",
        path=f"{_PROFILES}/{{id}}/sso-ticket",
        scope="create:sso_access_tickets",
        check=_check_ticket,
        do=_create_ticket,
    ),
    Endpoint(
        route="revoke",
        method="POST",
        path=f"{_PROFILES}/{{id}}/sso-ticket/{{ticket_id}}/revoke",
        scope="delete:sso_access_tickets",
        do=_revoke_ticket,
    ),
    Endpoint(
        route="profile",
        method="GET",
        path=f"{_PROFILES}/{{id}}",
        scope="read:self_service_profiles",
        check=_check_profile,
        do=_show_profile,
    ),
    *LOG_ENDPOINTS,
    *CONNECTION_ENDPOINTS,
)
"""The endpoints that the project uses."""

UNKNOWN: Final = Endpoint(route="other", method="*", path="/api/v2/{rest:path}", scope=None, do=_find_nothing)
"""Every other call to the Management API: it costs a request, and finds nothing."""
