"""
The page behind a ticket URL: opening it, and the steps of the setup.

Source: Auth0's page "Manage Self-Service Enterprise Configuration": a ticket can be opened ten times, and is valid
for five hours after it was first opened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from dev.sandbox.tenant.logs import Visitor
from dev.sandbox.tenant.settings import STRATEGIES
from dev.sandbox.tenant.setup import STEPS, Setup, write_refused_opening
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import MAX_OPENS
from dev.sandbox.ui.pages import PRIVATE, ticket_page

_STATUS: Final = {
    "live": 200,
    "left": 200,
    "finished": 200,
    "unknown": 404,
    "conflict": 409,
    "no_clients": 409,
    "domains_pending": 409,
}
_GONE: Final = 410


class TicketFlow:
    """Shows the tickets of one tenant, and takes the steps behind them."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def open(self, request: Request) -> Response:
        """Show the page; while the ticket is valid, this counts as an opening."""
        setup, state = self._find(request, STRATEGIES[0])
        if setup is not None and state in ("live", "finished"):
            setup.open()
        else:
            # The catalog lets this event be without the connection's name, so here it has it only sometimes.
            name = setup.connection_name if setup is not None and state == "used_up" else None
            write_refused_opening(self._tenant, state, Visitor.of(request), name)
        return self._show(state, setup)

    async def act(self, request: Request) -> Response:
        """
        Take a step, as a button of the page does.

        The form may have ``step``, by default ``finish``, and ``strategy``, the kind of a new connection.
        """
        form = await request.form()
        step = str(form.get("step", "finish"))
        strategy = str(form.get("strategy", STRATEGIES[0]))
        if step not in STEPS or strategy not in STRATEGIES:
            raise HTTPException(400, f"step must be one of {', '.join(STEPS)}; strategy of {', '.join(STRATEGIES)}")
        setup, state = self._find(request, strategy)
        # A ticket is used up once it was opened for the last time, while that page is still on the screen.
        if setup is not None and state in ("live", "used_up"):
            state = STEPS[step](setup)
        return self._show(state, setup)

    def _find(self, request: Request, strategy: str) -> tuple[Setup | None, str]:
        ticket = self._tenant.tickets.get(request.query_params.get("ticket", ""))
        if ticket is None:
            return None, "unknown"
        return Setup(self._tenant, ticket, Visitor.of(request), strategy), self._tenant.state_of(ticket)

    def _show(self, state: str, setup: Setup | None) -> Response:
        page = ticket_page(state) if setup is None else self._page(state, setup)
        return HTMLResponse(page, _STATUS.get(state, _GONE), PRIVATE)

    def _page(self, state: str, setup: Setup) -> str:
        ticket, connection = setup.ticket, setup.connection
        enabled = connection is not None and connection.enabled
        return ticket_page(
            state,
            self._facts(setup),
            _buttons(setup) if state == "live" else {},
            () if ticket.is_set_up or ticket.edits else STRATEGIES,
            can_enable=enabled if state == "finished" else bool(ticket.client_ids),
        )

    def _facts(self, setup: Setup) -> dict[str, str]:
        ticket = setup.ticket
        expires = datetime.fromtimestamp(ticket.expires_at(self._tenant.settings.open_lifetime), UTC)
        named = dict.fromkeys(ticket.pending_domains, "pending")
        known = {one.domain: one.status for one in setup.connection.domains.values()} if setup.connection else {}
        domains = [f"{domain} ({status})" for domain, status in {**named, **known}.items()]
        return {
            "Connection": ticket.connection_name or str(ticket.connection_id),
            "Organizations": ", ".join(ticket.organization_ids) or "none",
            "Applications": ", ".join(ticket.client_ids) or "none",
            "Domains": ", ".join(domains) or "none",
            "Opened": f"{ticket.opens} of {MAX_OPENS} times",
            "Expires": expires.strftime("%Y-%m-%d %H:%M UTC"),
        }


def _buttons(setup: Setup) -> dict[str, str]:
    """Return the steps that can be taken next, label to step."""
    can_enable = bool(setup.ticket.client_ids)
    if not setup.ticket.is_set_up:
        last = "Enable Connection" if can_enable else "Set up without enabling"
        return {"Set up the connection": "set_up", last: "finish", "Leave": "leave"}
    pending = {"Verify the domains": "verify", "Verify them too early": "verify_early"}
    enable = {"Enable Connection": "enable"}
    return {
        **(pending if setup.pending_domains else {}),
        **(enable if can_enable and not setup.needs_domains else {}),
        "Leave": "leave",
    }
