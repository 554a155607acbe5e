"""The sandbox as an ASGI application: which path leads where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from dev.sandbox.api.endpoints import ENDPOINTS, FLOW_PATH, UNKNOWN
from dev.sandbox.api.management import Endpoint, ManagementApi
from dev.sandbox.api.token_endpoint import TokenEndpoint
from dev.sandbox.ui.control import control_router
from dev.sandbox.ui.ticket_flow import TicketFlow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request, Response

    from dev.sandbox.tenant.state import TenantState

_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(tenant: TenantState) -> FastAPI:
    """Return the application that serves a tenant.

    The tenant's own routes are plain ones: FastAPI's validation would answer errors in a shape that Auth0
    doesn't have. The routes under ``/_sandbox`` are described at ``/_sandbox/docs``.
    """
    app = FastAPI(title="Sandbox tenant", openapi_url="/_sandbox/openapi.json", docs_url="/_sandbox/docs")
    api = ManagementApi(tenant)
    flow = TicketFlow(tenant)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.path, _handler(api, endpoint), methods=[endpoint.method])
    app.router.add_route(UNKNOWN.path, _handler(api, UNKNOWN), methods=_ALL_METHODS)
    app.router.add_route("/oauth/token", TokenEndpoint(tenant).serve, methods=["POST"])
    app.router.add_route(FLOW_PATH, flow.open, methods=["GET"])
    app.router.add_route(FLOW_PATH, flow.finish, methods=["POST"])
    app.include_router(control_router(tenant))
    return app


def _handler(api: ManagementApi, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await api.serve(endpoint, request)

    return handle
