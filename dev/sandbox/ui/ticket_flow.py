"""
The page behind a ticket URL: opening it, and finishing the setup.

Source: Auth0's page "Manage Self-Service Enterprise Configuration": a ticket can be opened ten times, and is valid
for five hours after it was first opened. Auth0's support: with empty or absent ``enabled_clients`` the page has no
button *Enable Connection*, and somebody must enable the connection by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import MAX_OPENS, Ticket
from dev.sandbox.ui.pages import ticket_page

_STATUS: Final = {"live": 200, "finished": 200, "unknown": 404, "conflict": 409}
_GONE: Final = 410
# The URL is a credential: it must not reach a cache or the next site.
_PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class TicketFlow:
    """Shows and finishes the tickets of one tenant."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def open(self, request: Request) -> Response:
        """Show the page; while the ticket is valid, this counts as an opening."""
        ticket, state = self._find(request)
        if ticket is not None and state == "live":
            ticket.open(self._tenant.clock())
        return self._show(state, ticket)

    async def finish(self, request: Request) -> Response:
        """Set the connection up, as the page's button does."""
        ticket, state = self._find(request)
        # A ticket is used up once it was opened for the last time, while that page is still on the screen.
        if ticket is not None and state in ("live", "used_up"):
            state = self._tenant.finish(ticket)
        return self._show(state, ticket)

    def _find(self, request: Request) -> tuple[Ticket | None, str]:
        ticket = self._tenant.tickets.get(request.query_params.get("ticket", ""))
        return ticket, "unknown" if ticket is None else self._tenant.state_of(ticket)

    def _show(self, state: str, ticket: Ticket | None) -> Response:
        page = ticket_page(state) if ticket is None else self._page(state, ticket)
        return HTMLResponse(page, _STATUS.get(state, _GONE), _PRIVATE)

    def _page(self, state: str, ticket: Ticket) -> str:
        connection = self._tenant.connections.of_ticket(ticket)
        enabled = connection is not None and connection.enabled
        return ticket_page(state, self._facts(ticket), enables=bool(ticket.client_ids), enabled=enabled)

    def _facts(self, ticket: Ticket) -> dict[str, str]:
        expires = datetime.fromtimestamp(ticket.expires_at(self._tenant.settings.open_lifetime), UTC)
        return {
            "Connection": ticket.connection_name or str(ticket.connection_id),
            "Organizations": ", ".join(ticket.organization_ids) or "none",
            "Applications": ", ".join(ticket.client_ids) or "none",
            "Opened": f"{ticket.opens} of {MAX_OPENS} times",
            "Expires": expires.strftime("%Y-%m-%d %H:%M UTC"),
        }
