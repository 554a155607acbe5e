"""The sandbox as an ASGI application: which path leads where."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from dev.sandbox.api.endpoints import ENDPOINTS, FLOW_PATH, UNKNOWN
from dev.sandbox.api.management import ManagementApi
from dev.sandbox.api.token_endpoint import TokenEndpoint
from dev.sandbox.tenant.setup import STEPS
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.ui.control import control_router
from dev.sandbox.ui.ticket_flow import TicketFlow


def create_app(tenant: TenantState) -> FastAPI:
    """
    Return the application that serves a tenant.

    The tenant's routes are Starlette's: FastAPI's validation would return errors in a shape that Auth0 doesn't have.
    All routes are described at ``/_sandbox/docs``.
    """
    app = FastAPI(
        title="Sandbox tenant",
        description=_description(),
        openapi_url="/_sandbox/openapi.json",
        docs_url="/_sandbox/docs",
    )
    api = ManagementApi(tenant)
    flow = TicketFlow(tenant)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.path, partial(api.serve, endpoint), methods=[endpoint.method])
    every_method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.router.add_route(UNKNOWN.path, partial(api.serve, UNKNOWN), methods=every_method)
    app.router.add_route("/oauth/token", TokenEndpoint(tenant).serve, methods=["POST"])
    app.router.add_route(FLOW_PATH, flow.open, methods=["GET"])
    app.router.add_route(FLOW_PATH, flow.act, methods=["POST"])
    app.include_router(control_router(tenant))
    return app


def _description() -> str:
    """Return what the tenant serves besides the routes under ``/_sandbox``, in Markdown."""
    rows = [f"| `{one.route}` | `{one.method} {one.path}` | `{one.scope}` |" for one in ENDPOINTS]
    table = "\n".join(["| route of a fault | endpoint | scope |", "| --- | --- | --- |", *rows])
    steps = ", ".join(f"`{step}`" for step in STEPS)
    return (
        f"The tenant serves these endpoints, and `POST /oauth/token` (route `token`):\n\n{table}\n\n"
        "A connection has its `options` only for the scope `read:connections_options`.\n\n"
        f"`GET {FLOW_PATH}?ticket=` opens a ticket. `POST` takes a step of its setup: the form's field `step` is "
        f"one of {steps}. Without it, all steps are taken."
    )
