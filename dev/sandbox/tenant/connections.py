"""The connections that customers have set up, and what the tenant's organizations have through them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from dev.sandbox.tenant.tickets import Ticket, random_id

SetupResult = Literal["finished", "conflict"]


@dataclass(frozen=True, slots=True)
class Connection:
    """
    One connection.

    :param name: its name, which no other connection has
    :param enabled: whether it is enabled for its applications
    :param organization_ids: the organizations that it was set up for
    :param domains: the domains that its tickets named to be verified
    """

    name: str
    enabled: bool = False
    organization_ids: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def with_setup(self, ticket: Ticket) -> Connection:
        """
        Return it as it is after a ticket's setup.

        Only a ticket with clients has the button that enables a connection.
        """
        return Connection(
            name=self.name,
            enabled=self.enabled or bool(ticket.client_ids),
            organization_ids=_joined(self.organization_ids, ticket.organization_ids),
            domains=_joined(self.domains, ticket.pending_domains),
        )


class Connections(dict[str, Connection]):
    """The connections of a tenant, by id."""

    def has_name(self, name: str | None) -> bool:
        """Return whether a connection has this name."""
        return any(connection.name == name for connection in self.values())

    def of_ticket(self, ticket: Ticket) -> Connection | None:
        """Return the connection that a ticket edits, or the one that has the name of its new one."""
        if ticket.connection_id is not None:
            return self.get(ticket.connection_id)
        return next((connection for connection in self.values() if connection.name == ticket.connection_name), None)

    def domains_of(self, organization_ids: Collection[str]) -> set[str]:
        """Return the domains that these organizations have."""
        connections = (one for organization_id in organization_ids for one in self._of(organization_id).values())
        return {domain for connection in connections for domain in connection.domains}

    def set_up(self, ticket: Ticket) -> SetupResult:
        """
        Create the connection of a ticket, or change the one that it edits.

        :return: ``conflict`` when a connection of that name exists already; then nothing is changed
        """
        if ticket.connection_id is None and self.has_name(ticket.connection_name):
            return "conflict"
        connection_id = ticket.connection_id or f"con_{random_id(16)}"
        connection = self.get(connection_id) or Connection(str(ticket.connection_name))
        self[connection_id] = connection.with_setup(ticket)
        return "finished"

    def _of(self, organization_id: str) -> dict[str, Connection]:
        return {one: connection for one, connection in self.items() if organization_id in connection.organization_ids}


def _joined(first: Collection[str], second: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
