"""
The words that the provider, the CSV's reader, the reports and the pages share.

It imports nothing but the standard library. Of the provider, ``include`` may import this and nothing else.
"""

from __future__ import annotations

from auth0_sso.models.forecast import Capacity, ExpectedCounts, Forecast
from auth0_sso.models.mail import (
    DELIVERY_COLUMNS,
    DeliveryStatus,
    LinkMail,
    MailKind,
    MailOptions,
    MailOutcome,
    PlannedMail,
    RecipientError,
)
from auth0_sso.models.outcome import (
    COLUMNS,
    INCOMPLETE,
    REVOCATION_COLUMNS,
    Outcome,
    RevocationOutcome,
    RevocationStatus,
    TicketStatus,
)
from auth0_sso.models.request import (
    CARRIED,
    InputRow,
    Organization,
    TicketRequest,
    canonical_body,
    comparable_body,
)
from auth0_sso.models.setup import (
    CONNECTED_STATES,
    GENERATED_EVENT,
    MAX_OPENINGS,
    OPENED_EVENT,
    SCANNER_SECONDS,
    ConnectionFacts,
    DomainFacts,
    Funnel,
    LinkState,
    ProspectSetup,
    Setup,
    SetupEvent,
    SetupState,
    is_scanner,
    is_used_up,
)
from auth0_sso.models.stats import TaskStats
from auth0_sso.models.tenant import TENANT, TenantAccess
from auth0_sso.models.text import (
    HIDDEN_CHARACTERS,
    UNSAFE_CHARACTERS,
    first_errors,
    first_lines,
    is_true,
    iso,
    listed,
    name_some,
    nearest,
    shown,
)
from auth0_sso.models.ticket import MAX_TTL_SEC, OPEN_SECONDS, IssuedTicket, SsoTicket, Token

__all__ = [
    "CARRIED",
    "COLUMNS",
    "CONNECTED_STATES",
    "DELIVERY_COLUMNS",
    "GENERATED_EVENT",
    "HIDDEN_CHARACTERS",
    "INCOMPLETE",
    "MAX_OPENINGS",
    "MAX_TTL_SEC",
    "OPENED_EVENT",
    "OPEN_SECONDS",
    "REVOCATION_COLUMNS",
    "SCANNER_SECONDS",
    "TENANT",
    "UNSAFE_CHARACTERS",
    "Capacity",
    "ConnectionFacts",
    "DeliveryStatus",
    "DomainFacts",
    "ExpectedCounts",
    "Forecast",
    "Funnel",
    "InputRow",
    "IssuedTicket",
    "LinkMail",
    "LinkState",
    "MailKind",
    "MailOptions",
    "MailOutcome",
    "Organization",
    "Outcome",
    "PlannedMail",
    "ProspectSetup",
    "RecipientError",
    "RevocationOutcome",
    "RevocationStatus",
    "Setup",
    "SetupEvent",
    "SetupState",
    "SsoTicket",
    "TaskStats",
    "TenantAccess",
    "TicketRequest",
    "TicketStatus",
    "Token",
    "canonical_body",
    "comparable_body",
    "first_errors",
    "first_lines",
    "is_scanner",
    "is_true",
    "is_used_up",
    "iso",
    "listed",
    "name_some",
    "nearest",
    "shown",
]
