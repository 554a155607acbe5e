"""The page behind a ticket URL: opening it, and finishing the set-up.

Source: Auth0's page "Manage Self-Service Enterprise Configuration": a ticket can be opened ten times, and
lives five hours after it was first opened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fastapi.responses import HTMLResponse

from dev.sandbox.ui.pages import ticket_page

if TYPE_CHECKING:
    from fastapi import Request, Response

    from dev.sandbox.tenant.state import TenantState
    from dev.sandbox.tenant.tickets import Ticket

_STATUS: Final = {"live": 200, "finished": 200, "unknown": 404, "conflict": 409}
_GONE: Final = 410
# The URL is a credential: neither caches nor the next site may learn it.
_PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class TicketFlow:
    """Shows and finishes the tickets of one tenant."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def open(self, request: Request) -> Response:
        """Answer an opening of the page, which counts when the ticket is live."""
        ticket = self._find(request)
        state = "unknown" if ticket is None else self._tenant.state_of(ticket)
        if ticket is not None and state == "live":
            ticket.open(self._tenant.clock())
        return self._show(state, ticket)

    async def finish(self, request: Request) -> Response:
        """Answer the button, which makes the connection."""
        ticket = self._find(request)
        if ticket is None:
            return self._show("unknown", None)
        state = self._tenant.state_of(ticket)
        # The last of the allowed openings leaves a ticket used up with its page still on the screen.
        if state in ("live", "used_up"):
            state_now = "finished" if self._tenant.finish(ticket) else "conflict"
            return self._show(state_now, ticket)
        return self._show(state, ticket)

    def _find(self, request: Request) -> Ticket | None:
        return self._tenant.tickets.find(request.query_params.get("ticket", ""))

    def _show(self, state: str, ticket: Ticket | None) -> Response:
        facts = {} if ticket is None else self._facts(ticket)
        return HTMLResponse(ticket_page(state, facts), _STATUS.get(state, _GONE), _PRIVATE)

    def _facts(self, ticket: Ticket) -> dict[str, str]:
        settings = self._tenant.settings
        expires = datetime.fromtimestamp(ticket.expires_at(settings.open_lifetime), UTC)
        return {
            "Connection": ticket.connection_name or str(ticket.body.get("connection_id")),
            "Organizations": ", ".join(ticket.organization_ids) or "none",
            "Opened": f"{ticket.opens} of {settings.max_opens} times",
            "Expires": expires.strftime("%Y-%m-%d %H:%M UTC"),
        }
