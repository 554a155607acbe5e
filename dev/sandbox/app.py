"""The sandbox as an ASGI application: which path leads where."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from dev.sandbox.api.endpoints import ENDPOINTS, FLOW_PATH, UNKNOWN
from dev.sandbox.api.management import ManagementApi
from dev.sandbox.api.token_endpoint import TokenEndpoint
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.ui.control import control_router
from dev.sandbox.ui.ticket_flow import TicketFlow


def create_app(tenant: TenantState) -> FastAPI:
    """
    Return the application that serves a tenant.

    The tenant's routes are Starlette's: FastAPI's validation would return errors in a shape that Auth0 doesn't have.
    The routes under ``/_sandbox`` are described at ``/_sandbox/docs``.
    """
    app = FastAPI(title="Sandbox tenant", openapi_url="/_sandbox/openapi.json", docs_url="/_sandbox/docs")
    api = ManagementApi(tenant)
    flow = TicketFlow(tenant)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.path, partial(api.serve, endpoint), methods=[endpoint.method])
    every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.router.add_route(UNKNOWN.path, partial(api.serve, UNKNOWN), methods=every_method)
    app.router.add_route("/oauth/token", TokenEndpoint(tenant).serve, methods=["POST"])
    app.router.add_route(FLOW_PATH, flow.open, methods=["GET"])
    app.router.add_route(FLOW_PATH, flow.finish, methods=["POST"])
    app.include_router(control_router(tenant))
    return app
