"""The connections that customers have set up, and what the tenant's organizations have through them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dev.sandbox.tenant.settings import STRATEGIES
from dev.sandbox.tenant.tickets import Ticket, random_id


@dataclass(frozen=True, slots=True)
class Domain:
    """
    A domain that a customer is to verify by a record in the DNS.

    :param domain: its name
    :param verification_txt: what the record must contain
    :param use_for_organization_discovery: whether users are led to their organization by it
    """

    domain: str
    use_for_organization_discovery: bool = False
    verified: bool = False
    id: str = field(default_factory=lambda: f"domain_{random_id(16)}")
    verification_txt: str = field(default_factory=lambda: f"auth0-domain-verification={random_id(24)}")

    @property
    def status(self) -> Literal["pending", "verified"]:
        """Its status as the API shows it."""
        return "verified" if self.verified else "pending"


@dataclass(frozen=True, slots=True)
class Connection:
    """
    One connection.

    :param name: its name, which no other connection has
    :param strategy: the kind of identity provider that the customer has chosen
    :param enabled: whether it is enabled for its applications
    :param config: the ``connection_config`` of the ticket that has created it
    :param client_ids: the applications that it is enabled for
    :param organization_ids: the organizations that it was set up for
    :param enabled_organizations: those that it is enabled for, id to the entry in the ticket
    :param domains: the domains that its tickets named to be verified, by name
    """

    name: str
    strategy: str = STRATEGIES[0]
    enabled: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    client_ids: tuple[str, ...] = ()
    organization_ids: tuple[str, ...] = ()
    enabled_organizations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)

    @property
    def pending_domains(self) -> tuple[Domain, ...]:
        """Its domains that are not verified."""
        return tuple(domain for domain in self.domains.values() if not domain.verified)

    def with_setup(self, ticket: Ticket) -> Connection:
        """Return it as it is after a ticket's setup, before anything is verified or enabled."""
        discovery = ticket.body.get("use_for_organization_discovery", False)
        added = {name: Domain(name, discovery) for name in ticket.pending_domains if name not in self.domains}
        return replace(
            self,
            organization_ids=_joined(self.organization_ids, ticket.organization_ids),
            domains={**self.domains, **added},
        )

    def with_verified_domains(self) -> Connection:
        """Return it with all its domains verified."""
        return replace(self, domains={name: replace(domain, verified=True) for name, domain in self.domains.items()})

    def with_enabled(self, ticket: Ticket) -> Connection:
        """Return it enabled for the applications and organizations of a ticket."""
        entries = {entry["organization_id"]: entry for entry in ticket.body.get("enabled_organizations", ())}
        return replace(
            self,
            enabled=True,
            client_ids=_joined(self.client_ids, ticket.client_ids),
            enabled_organizations={**self.enabled_organizations, **entries},
        )


class Connections(dict[str, Connection]):
    """The connections of a tenant, by id."""

    def has_name(self, name: str | None) -> bool:
        """Return whether a connection has this name."""
        return any(connection.name == name for connection in self.values())

    def of_ticket(self, ticket: Ticket) -> Connection | None:
        """Return the connection that a ticket edits or has created, or the one that has the name of its new one."""
        if ticket.connection_id is not None:
            return self.get(ticket.connection_id)
        return next((connection for connection in self.values() if connection.name == ticket.connection_name), None)

    def domains_of(self, organization_ids: Collection[str]) -> dict[str, Domain]:
        """Return the domains that these organizations have, by name."""
        connections = (one for organization_id in organization_ids for one in self._of(organization_id))
        return {name: domain for connection in connections for name, domain in connection.domains.items()}

    def enabled_for(self, organization_id: str) -> dict[str, Connection]:
        """Return the connections that are enabled for an organization, by id."""
        return {
            connection_id: connection
            for connection_id, connection in self.items()
            if organization_id in connection.enabled_organizations
        }

    def set_up(self, ticket: Ticket, strategy: str) -> None:
        """Create the connection of a ticket with a kind of identity provider, or change the one that it edits."""
        if ticket.connection_id is None:
            ticket.connection_id = f"con_{random_id(16)}"
            config = ticket.body["connection_config"]
            self[ticket.connection_id] = Connection(config["name"], strategy, config=config)
        self.change(ticket, lambda connection: connection.with_setup(ticket))
        ticket.is_set_up = True

    def change(self, ticket: Ticket, change: Callable[[Connection], Connection]) -> None:
        """Change the connection that a ticket edits or has created."""
        connection_id = str(ticket.connection_id)
        self[connection_id] = change(self[connection_id])

    def _of(self, organization_id: str) -> Iterator[Connection]:
        return (connection for connection in self.values() if organization_id in connection.organization_ids)


def _joined(first: Collection[str], second: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
