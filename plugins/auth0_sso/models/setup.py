"""What customers do with their links: the setup of single sign-on, as the tenant tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SetupState(StrEnum):
    """How far a customer has come; ``unknown`` if the tenant does not tell, as when its logs are too old."""

    UNKNOWN = "unknown"
    NOT_OPENED = "not_opened"
    OPENED = "opened"
    CONNECTED = "connected"  # the connection exists, and is not enabled
    WAITING_FOR_DOMAIN = "waiting_for_domain"  # it exists, and a domain is not verified
    ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class SetupEvent:
    """
    A log of the tenant about a link or its setup; texts have hidden characters escaped, and at most 255 characters.

    The customer's address and browser are not kept. See ``ss_sso_success``, ``ss_sso_failure`` and ``ss_sso_info``
    in Auth0's Tenant Log Catalog, https://auth0.com/docs/tenant-logs.

    :param log_id: identifies the log in the tenant.
    :param at: UNIX seconds.
    :param name: Auth0's ``ss_sso_event_name``, such as ``ss_sso_ticket_consumption``: a link was opened.
    :param succeeded: whether it happened; False for ``ss_sso_failure``, what was tried then.
    :param connection_name: empty if the log does not tell, as when a link that has expired is opened.
    :param flow_type: ``create`` or ``update`` of a connection; empty if the log does not tell.
    :param message: Auth0's description.
    """

    log_id: str
    at: float
    name: str
    succeeded: bool
    connection_name: str
    flow_type: str
    message: str


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection of the tenant; ``strategy`` is Auth0's kind of it, such as ``samlp``."""

    id: str
    name: str
    strategy: str


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """A discovery domain of an organization, and whether it has been proved to be the customer's."""

    domain: str
    is_verified: bool


@dataclass(frozen=True)
class Setup:
    """
    How far a setup has come; times are UNIX seconds, None for what has not happened as far as is known.

    :param opened: how often a link was opened, also by a mail scanner.
    :param first_opened_at: by the customer; so ``last_opened_at``.
    :param waiting_since: since when it waits for a domain to be verified.
    :param last_failure: in Auth0's words.
    :param seen_in: ``logs``, ``API``, both or neither.
    :param note: what a person should know beside it.
    """

    state: SetupState
    opened: int = 0
    first_opened_at: float | None = None
    last_opened_at: float | None = None
    connected_at: float | None = None
    enabled_at: float | None = None
    waiting_since: float | None = None
    last_failure: str = ""
    connection_id: str = ""
    seen_in: tuple[str, ...] = ()
    note: str = ""
