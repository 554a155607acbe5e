"""
What a customer's admin does with a ticket, step by step; each step writes its events to the tenant's log.

Source: Auth0's page "Manage Self-Service Enterprise Configuration" and, for the events, the types ``ss_sso_success``,
``ss_sso_info`` and ``ss_sso_failure`` of its Tenant Log Catalog. Auth0's support: with empty or absent
``enabled_clients`` the page has no button *Enable Connection*, and somebody must enable the connection by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from dev.sandbox.tenant.connections import Connection, Domain
from dev.sandbox.tenant.logs import LogType, Visitor
from dev.sandbox.tenant.settings import STRATEGIES
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import Ticket

StepResult = Literal["live", "left", "finished", "conflict", "no_clients", "domains_pending"]
"""How a step ended: the setup goes on, was left, is finished, or why the step can't be taken."""

_OPENING: Final = "ss_sso_ticket_consumption"


def write_refused_opening(tenant: TenantState, state: str, visitor: Visitor, connection_name: str | None) -> None:
    """
    Write that a ticket's page could not be opened.

    :param state: the ticket's state, or ``unknown``
    :param connection_name: of its connection; the catalog lets such an event be without it
    """
    known = {} if connection_name is None else {"connection_name": connection_name}
    details = {"ss_sso_event_name": _OPENING, **known}
    tenant.logs.write("ss_sso_failure", f"The ticket is {state.replace('_', ' ')}", visitor, details=details)


class Setup:
    """
    The setup behind one ticket. A step takes the steps that it needs, if they were left out.

    :param ticket: the ticket
    :param visitor: who takes the steps
    :param strategy: the kind of identity provider that a new connection gets
    """

    def __init__(self, tenant: TenantState, ticket: Ticket, visitor: Visitor, strategy: str = STRATEGIES[0]) -> None:
        self._tenant = tenant
        self.ticket = ticket
        self._visitor = visitor
        self._strategy = strategy

    @property
    def connection(self) -> Connection | None:
        """The connection as it is, see :meth:`~dev.sandbox.tenant.connections.Connections.of_ticket`."""
        return self._tenant.connections.of_ticket(self.ticket)

    @property
    def connection_name(self) -> str:
        """The connection's name, also before it exists."""
        return self.connection.name if self.connection else str(self.ticket.connection_name)

    @property
    def pending_domains(self) -> tuple[Domain, ...]:
        """The connection's domains that are not verified."""
        return self.connection.pending_domains if self.connection else ()

    @property
    def needs_domains(self) -> bool:
        """Whether the connection can't be enabled before its domains are verified."""
        return self.ticket.requires_verification and bool(self.pending_domains)

    def generated(self) -> None:
        """Write that the ticket was created."""
        self._write("ss_sso_success", "ss_sso_ticket_generation", "Ticket created")

    def open(self) -> None:
        """Count and write an opening of the ticket's page."""
        if self.ticket.finished_at is None:
            self.ticket.open(self._tenant.clock())
        self._write("ss_sso_success", _OPENING, "Ticket opened")

    def set_up(self) -> StepResult:
        """Create the connection, or change the one that the ticket edits. It isn't enabled yet."""
        ticket, connections = self.ticket, self._tenant.connections
        if ticket.is_set_up:
            return "live"
        event = "ss_sso_connection_update" if ticket.edits else "ss_sso_connection_creation"
        if connections.has_name(ticket.connection_name):
            self._write("ss_sso_failure", event, "A connection with this name already exists")
            return "conflict"
        connections.set_up(ticket, self._strategy)
        self._write("ss_sso_success", event, "Connection set up")
        for domain in ticket.pending_domains:
            self._write("ss_sso_success", "ss_sso_add_domain", f"Domain {domain} added")
        return "live"

    def verify(self) -> StepResult:
        """Verify the domains that are pending, whose records are in the DNS."""
        return self._check_domains("ss_sso_domain_verification_successful", Connection.with_verified_domains)

    def verify_early(self) -> StepResult:
        """Try to verify the domains that are pending, before their records are in the DNS."""
        return self._check_domains("ss_sso_domain_verification_unsuccessful", lambda connection: connection)

    def enable(self) -> StepResult:
        """Enable the connection, which finishes the setup."""
        if self.set_up() == "conflict":
            return "conflict"
        if not self.ticket.client_ids:
            return "no_clients"
        if self.needs_domains:
            self._write("ss_sso_failure", "ss_sso_enable_connection", "The connection has domains that are pending")
            return "domains_pending"
        self._tenant.connections.change(self.ticket, lambda connection: connection.with_enabled(self.ticket))
        self._write("ss_sso_success", "ss_sso_enable_connection", "Connection enabled")
        return self._end()

    def leave(self) -> StepResult:
        """Leave the setup as it is; while the ticket is valid, it can be opened again."""
        self._write("ss_sso_info", "ss_sso_flow_end", "Flow ended")
        return "left"

    def finish(self) -> StepResult:
        """Take all steps that are left; without clients, the connection stays as it was."""
        if self.verify() == "conflict":
            return "conflict"
        return self.enable() if self.ticket.client_ids else self._end()

    def _end(self) -> StepResult:
        self.ticket.finished_at = self._tenant.clock()
        self.leave()
        return "finished"

    def _check_domains(self, event: str, change: Callable[[Connection], Connection]) -> StepResult:
        if self.set_up() == "conflict":
            return "conflict"
        for domain in self.pending_domains:
            self._write("ss_sso_success", event, f"Domain {domain.domain} checked")
        self._tenant.connections.change(self.ticket, change)
        return "live"

    def _write(self, kind: LogType, event: str, description: str) -> None:
        details = {
            "ss_sso_event_name": event,
            "ss_sso_tracing_id": self.ticket.tracing_id,
            "connection_name": self.connection_name,
            "flow_type": "update" if self.ticket.edits else "create",
        }
        self._tenant.logs.write(kind, description, self._visitor, details=details)


STEPS: Final[Mapping[str, Callable[[Setup], StepResult]]] = MappingProxyType(
    {
        "set_up": Setup.set_up,
        "verify": Setup.verify,
        "verify_early": Setup.verify_early,
        "enable": Setup.enable,
        "leave": Setup.leave,
        "finish": Setup.finish,
    }
)
"""The steps by name."""
