"""The sandbox's own routes: its front page, what it received, and its faults. They have no latency."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from dev.sandbox.faults import Fault
from dev.sandbox.tenant.logs import Event
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.stats import take_stats, view_tickets
from dev.sandbox.ui.pages import PRIVATE, home_page, outbox_page


def control_router(tenant: TenantState) -> APIRouter:
    """Return the routes for a tenant."""
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def home() -> str:
        return home_page(tenant.settings, take_stats(tenant), len(tenant.outbox))

    @router.get("/_sandbox/outbox", response_class=HTMLResponse)
    async def outbox() -> HTMLResponse:
        return HTMLResponse(outbox_page(reversed(tenant.outbox)), headers=PRIVATE)

    @router.get("/_sandbox/stats")
    async def stats() -> dict[str, Any]:
        return {
            **asdict(take_stats(tenant)),
            "ticket_list": view_tickets(tenant),
            "connection_list": [{"id": one, **asdict(connection)} for one, connection in tenant.connections.items()],
        }

    @router.get("/_sandbox/requests")
    async def requests() -> list[dict[str, Any]]:
        return [asdict(seen) for seen in tenant.requests]

    @router.get("/_sandbox/logs")
    async def logs() -> list[Event]:
        return tenant.logs.events()

    @router.get("/_sandbox/faults")
    async def faults() -> list[Fault]:
        return tenant.faults.armed()

    @router.post("/_sandbox/faults", status_code=201)
    async def inject(fault: Fault) -> list[Fault]:
        tenant.inject(fault)
        return tenant.faults.armed()

    @router.delete("/_sandbox/faults", status_code=204)
    async def clear_faults() -> None:
        tenant.clear_faults()

    @router.post("/_sandbox/reset", status_code=204)
    async def reset() -> None:
        tenant.reset()

    return router
