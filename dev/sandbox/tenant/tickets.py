"""A ticket, and what has become of it."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

DEFAULT_TTL: Final = 432_000
"""Seconds that an unopened ticket is valid when ``ttl_sec`` is 0 or absent."""

MAX_OPENS: Final = 10
"""How often a ticket's page can be opened."""

TicketState = Literal["live", "finished", "used_up", "expired", "revoked"]

_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(slots=True)
class Ticket:
    """
    One ticket; times are UNIX seconds.

    :param id: 32 alphanumerics; whoever knows it may use the ticket
    :param profile_id: the self-service profile it was created from
    :param body: the request body it was created from
    :param connection_id: the connection it edits, or has created; ``None`` before that
    :param opens: how often its page was opened
    :param tracing_id: of its customer's present session, which begins with an opening
    :param is_set_up: whether its customer has set the connection up
    """

    id: str = field(repr=False)
    profile_id: str
    body: Mapping[str, Any]
    created_at: float
    connection_id: str | None = None
    opens: int = 0
    tracing_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_set_up: bool = False
    first_opened_at: float | None = None
    revoked_at: float | None = None
    finished_at: float | None = None

    @property
    def connection_name(self) -> str | None:
        """The name of the connection it creates; ``None`` when it edits one."""
        return connection_name(self.body)

    @property
    def edits(self) -> bool:
        """Whether it changes a connection that exists."""
        return "connection_id" in self.body

    @property
    def organization_ids(self) -> tuple[str, ...]:
        """The organizations its connection will be enabled for."""
        return organization_ids(self.body)

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The applications its connection will be enabled for."""
        return tuple(self.body.get("enabled_clients", ()))

    @property
    def pending_domains(self) -> tuple[str, ...]:
        """The domains that its customer is to verify."""
        return tuple(self._domains_config.get("pending_domains", ()))

    @property
    def requires_verification(self) -> bool:
        """Whether its connection can be enabled only when its domains are verified."""
        return self._domains_config.get("domain_verification") == "required"

    @property
    def _domains_config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.body.get("domain_aliases_config", {})
        return config

    def expires_at(self, open_lifetime: float) -> float:
        """
        Return the UNIX time it expires at: ``ttl_sec`` counts only until it is first opened.

        :param open_lifetime: seconds it is valid after that
        """
        if self.first_opened_at is not None:
            return self.first_opened_at + open_lifetime
        return self.created_at + (self.body.get("ttl_sec") or DEFAULT_TTL)

    def state(self, now: float, open_lifetime: float) -> TicketState:
        """Return its state at a UNIX time, see :class:`~dev.sandbox.tenant.settings.SandboxSettings`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.finished_at is not None:
            return "finished"
        if now >= self.expires_at(open_lifetime):
            return "expired"
        return "used_up" if self.opens >= MAX_OPENS else "live"

    def open(self, now: float) -> None:
        """Count one opening of its page, which begins a session."""
        self.opens += 1
        self.tracing_id = str(uuid.uuid4())
        if self.first_opened_at is None:
            self.first_opened_at = now


def random_id(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def connection_name(body: object) -> str | None:
    """Return the connection's name in a request body, which need not be valid."""
    config = body.get("connection_config") if isinstance(body, Mapping) else None
    name = config.get("name") if isinstance(config, Mapping) else None
    return name if isinstance(name, str) else None


def organization_ids(body: object) -> tuple[str, ...]:
    """Return the organization ids in a request body, which need not be valid."""
    listed = body.get("enabled_organizations") if isinstance(body, Mapping) else None
    entries = listed if isinstance(listed, list) else []
    ids = (entry.get("organization_id") for entry in entries if isinstance(entry, Mapping))
    return tuple(one for one in ids if isinstance(one, str))
