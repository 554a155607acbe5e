"""What customers do with their links: the setup of single sign-on, as the tenant tells it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from statistics import median

from auth0_sso.models.ticket import OPEN_SECONDS

Spans = Sequence[tuple[float, float]]
"""Spans of time, begin and end in UNIX seconds, sorted and apart from each other."""

MAX_OPENINGS = 10
"""How often a link can be opened. (Auth0: "Manage Self-Service Enterprise Configuration")"""

SCANNER_SECONDS = 60.0
"""An opening so soon after the link was made or mailed is a mail scanner's, not the customer's."""


OPENED_EVENT = "ss_sso_ticket_consumption"
GENERATED_EVENT = "ss_sso_ticket_generation"
"""Auth0's names for: a link was opened, and a ticket was made. (Tenant Log Catalog)"""


class SetupState(StrEnum):
    """How far a customer has come; ``unknown`` if the tenant does not tell, as when its logs are too old."""

    UNKNOWN = "unknown"
    NOT_OPENED = "not_opened"
    OPENED = "opened"
    CONNECTED = "connected"  # the connection exists, and is not enabled
    WAITING_FOR_DOMAIN = "waiting_for_domain"  # it exists, and a domain is not verified
    ENABLED = "enabled"


CONNECTED_STATES = frozenset((SetupState.CONNECTED, SetupState.WAITING_FOR_DOMAIN, SetupState.ENABLED))
"""The states in which the connection exists."""


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
    :param message: Auth0's description, without any ticket's id.
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
    :param knows_enabled: whether it is known that the connection is enabled, or that it is not.
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
    knows_enabled: bool = True
    note: str = ""

    @property
    def is_connected(self) -> bool:
        """Whether the connection exists."""
        return self.state in CONNECTED_STATES

    @property
    def was_opened(self) -> bool:
        """Whether the customer has opened a link, or has come further."""
        return self.first_opened_at is not None or self.is_connected


class LinkState(StrEnum):
    """What a prospect's last link is worth."""

    VALID = "valid"
    USED_UP = "used_up"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NONE = "none"


def scanner_spans(moments: Iterable[tuple[float, float]]) -> Spans:
    """
    Return when an opening is a mail scanner's: until a minute after each moment.

    :param moments: when links were made, or began to leave by mail and had left; begin and end, UNIX seconds.
    """
    spans: list[tuple[float, float]] = []
    for begin, end in sorted(moments):
        until = end + SCANNER_SECONDS
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], until))
        else:
            spans.append((begin, until))
    return spans


def is_scanner(at: float, spans: Spans) -> bool:
    """Whether an opening is a mail scanner's, see :func:`scanner_spans`."""
    place = bisect_right(spans, at, key=itemgetter(0)) - 1
    return place >= 0 and at <= spans[place][1]


def openings_by_customer(created_at: float, openings: Iterable[float], spans: Spans = ()) -> list[float]:
    """
    Return which openings of a connection's links may be the customer's of one link.

    :param created_at: when that was made, UNIX seconds; what was opened before was another link.
    :param spans: when openings of the connection are a mail scanner's.
    """
    return [at for at in openings if at > created_at + SCANNER_SECONDS and not is_scanner(at, spans)]


def is_used_up(created_at: float, openings: Sequence[float], now: float, spans: Spans = ()) -> bool:
    """
    Whether a link opens nothing any more, since it was opened too often, or first opened too long ago.

    :param openings: when links of its connection were opened. A mail scanner's count, but start no five hours.
    """
    by_customer = openings_by_customer(created_at, openings, spans)
    is_over = bool(by_customer) and min(by_customer) + OPEN_SECONDS <= now
    return is_over or sum(at >= created_at for at in openings) >= MAX_OPENINGS


@dataclass(frozen=True, kw_only=True, slots=True)
class ProspectSetup:
    """
    A prospect, what its link is worth, and how far the setup of its connection has come.

    :param created_at: when its last link was made, UNIX seconds; None if there was none.
    :param setup: with ``unknown`` if nothing is known of it; ``updated_at`` is when that was found out, UNIX seconds.
    """

    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    link: LinkState
    created_at: float | None
    setup: Setup
    updated_at: float | None


@dataclass(frozen=True)
class Funnel:
    """
    How far the customers have come, of those prospects that have had a link; who has come further, counts too.

    :param waiting: of the connected ones, those that wait for a domain to be verified.
    :param seconds_to_open: median from the link to its first opening; None if nobody is there. So with
        ``seconds_to_connect`` from there to the connection, and ``seconds_to_enable`` from there on.
    """

    links: int
    opened: int
    connected: int
    waiting: int
    enabled: int
    seconds_to_open: float | None
    seconds_to_connect: float | None
    seconds_to_enable: float | None

    @classmethod
    def of(cls, prospects: Iterable[ProspectSetup]) -> Funnel:
        """Return the funnel of some prospects."""
        with_link = [one for one in prospects if one.created_at is not None]
        setups = [one.setup for one in with_link]
        return cls(
            links=len(with_link),
            opened=sum(setup.was_opened for setup in setups),
            connected=sum(setup.is_connected for setup in setups),
            waiting=sum(setup.state == SetupState.WAITING_FOR_DOMAIN for setup in setups),
            enabled=sum(setup.state == SetupState.ENABLED for setup in setups),
            seconds_to_open=_median((one.created_at, one.setup.first_opened_at) for one in with_link),
            seconds_to_connect=_median((setup.first_opened_at, setup.connected_at) for setup in setups),
            seconds_to_enable=_median((setup.connected_at, setup.enabled_at) for setup in setups),
        )


def _median(spans: Iterable[tuple[float | None, float | None]]) -> float | None:
    seconds = [end - begin for begin, end in spans if begin is not None and end is not None and end >= begin]
    return median(seconds) if seconds else None
