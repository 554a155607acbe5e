"""What a sandbox tenant consists of: its plan, its credentials, what exists in it, how slow it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dev.sandbox.faults import Route


class RateLimit(BaseModel):
    """
    One bucket of a tenant's Management API (Auth0's rate-limit policy).

    :param size: requests that an idle tenant accepts at once, the bucket's size
    :param refill: requests a second that are added to the bucket
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=1)
    refill: float = Field(gt=0)


class Plan(RateLimit):
    """
    What a subscription gives: the bucket that most calls share, and what differs besides.

    :param own: the routes that have buckets of their own; they cost nothing of the shared one
    :param log_days: how long the tenant's log keeps an event
    """

    own: dict[Route, RateLimit] = Field(default_factory=dict)
    log_days: float = Field(default=30, gt=0)


# The policy gives no burst for these two: it is taken to be the plan's.
_PROFESSIONAL: Final[dict[Route, RateLimit]] = {
    "connections": RateLimit(size=10, refill=50 / 60),
    "logs": RateLimit(size=10, refill=100 / 60),
}
_ENTERPRISE: Final[dict[Route, RateLimit]] = {"organization_connections": RateLimit(size=10, refill=100 / 60)}

PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "free": Plan(size=2, refill=2, log_days=1),
        "professional": Plan(size=10, refill=150 / 60, own=_PROFESSIONAL, log_days=10),
        "enterprise": Plan(size=50, refill=16, own=_ENTERPRISE),
        "enterprise-nonprod": Plan(size=10, refill=2),
        "private-dev": Plan(size=20, refill=20),
        "private-basic": Plan(size=50, refill=50),
        "private-500": Plan(size=250, refill=250),
        "private-1500": Plan(size=750, refill=750),
        "private-3000": Plan(size=1500, refill=1500),
        "private-6000": Plan(size=3000, refill=3000),
        "private-10000": Plan(size=5000, refill=5000),
    }
)
"""The plans of Auth0's rate-limit policy, by name."""

STRATEGIES: Final = (
    "oidc",
    "samlp",
    "waad",
    "google-apps",
    "adfs",
    "okta",
    "auth0-samlp",
    "okta-samlp",
    "keycloak-samlp",
    "pingfederate",
)
"""The kinds of connections that a self-service profile can allow."""

DEFAULT_SCOPES: Final = (
    "create:sso_access_tickets",
    "delete:sso_access_tickets",
    "read:self_service_profiles",
    "read:logs",
    "read:connections",
    "read:connections_options",
    "read:organization_connections",
    "read:organization_discovery_domains",
)

Seconds = Annotated[float, Field(ge=0)]


class SandboxSettings(BaseModel):
    """
    All that can be chosen about a sandbox tenant.

    :param plan: a name in :data:`PLANS`, or a :class:`Plan`
    :param latency: shortest and longest time, in seconds, that an API or token call takes
    :param client_id: the one client the tenant knows
    :param client_secret: its secret; empty when only private_key_jwt is allowed
    :param public_keys: PEM public keys that may sign a client assertion (RS256)
    :param profile_ids: the self-service profiles that exist
    :param scopes: the scopes of the client's grant, and so of each token
    :param token_lifetime: seconds, the ``expires_in`` of a token
    :param custom_domains: the tenant's custom domains; if empty, any is accepted
    :param connections: connections that are set up and enabled, id to name
    :param public_url: base of ticket URLs; by default the address of the request
    :param open_lifetime: seconds a ticket is valid after it was first opened
    :param log_delay: shortest and longest time, in seconds, until a search finds a new event of the tenant's log
    :param retry_after: whether a 429 carries ``Retry-After``
    :param bare_429: whether a 429 comes without a message and an error code
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    plan: str | Plan = "enterprise"
    latency: tuple[Seconds, Seconds] = (0.24, 0.65)
    client_id: str = "sandbox-client"
    client_secret: str = Field(default="sandbox-secret-0000000000000000", repr=False)
    public_keys: tuple[str, ...] = Field(default=(), repr=False)
    profile_ids: tuple[str, ...] = Field(default=("ssp_sandbox0000000001",), min_length=1)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    token_lifetime: int = Field(default=86_400, ge=1)
    custom_domains: tuple[str, ...] = ()
    connections: dict[str, str] = Field(default_factory=dict)
    public_url: str | None = None
    open_lifetime: float = Field(default=5 * 3600, gt=0)
    log_delay: tuple[Seconds, Seconds] = (3, 3)
    retry_after: bool = False
    bare_429: bool = False

    @model_validator(mode="after")
    def _check(self) -> SandboxSettings:
        if isinstance(self.plan, str) and self.plan not in PLANS:
            raise ValueError(f"plan {self.plan!r} is unknown: choose one of {', '.join(PLANS)}")
        for name, (shortest, longest) in {"latency": self.latency, "log_delay": self.log_delay}.items():
            if shortest > longest:
                raise ValueError(f"{name} {shortest, longest} must give the shortest time first")
        return self

    @property
    def limit(self) -> Plan:
        """The plan, which has the rate limits."""
        return PLANS[self.plan] if isinstance(self.plan, str) else self.plan

    @property
    def plan_name(self) -> str:
        """The plan's name, or ``custom``."""
        return self.plan if isinstance(self.plan, str) else "custom"
