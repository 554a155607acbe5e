"""What a sandbox tenant is made of: its plan, its credentials, what exists in it, how slow it is."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dev.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

ResetMeaning = Literal["full", "next", "window"]


class Plan(BaseModel):
    """The rate limit of a tenant's Management API (Auth0's rate-limit policy).

    :param size: requests that a rested tenant answers at once, the bucket's size
    :param refill: requests a second that are added to the bucket
    :param window: seconds of the fixed window in which the limit is stated
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=1)
    refill: float = Field(gt=0)
    window: float = Field(default=1.0, gt=0)


PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "free": Plan(size=2, refill=2),
        "professional": Plan(size=10, refill=150 / 60, window=60),
        "enterprise": Plan(size=50, refill=16),
        "enterprise-nonprod": Plan(size=10, refill=2),
        "private-100": Plan(size=100, refill=100),
    }
)
"""The presets by name, from Auth0's rate-limit policy."""

DEFAULT_SCOPES: Final = (
    "create:sso_access_tickets",
    "delete:sso_access_tickets",
    "read:self_service_profiles",
)

Seconds = Annotated[float, Field(ge=0)]


class SandboxSettings(BaseModel):
    """Everything that can be chosen about a sandbox tenant.

    :param plan: a name in :data:`PLANS`, or a :class:`Plan` of one's own
    :param latency: shortest and longest time, in seconds, that an API or token call takes
    :param client_id: the one client the tenant knows
    :param client_secret: its secret; empty when only private_key_jwt is allowed
    :param public_keys: PEM public keys that may sign a client assertion (RS256)
    :param profile_ids: the self-service profiles that exist
    :param scopes: what the client's grant holds, and so each token
    :param client_grant: whether the client may ask for a Management API token at all
    :param client_credentials_grant: whether the client's grant type is switched on
    :param audiences: audiences accepted beside ``https://{host}/api/v2/`` of the request
    :param token_lifetime: seconds, the ``expires_in`` of a token
    :param token_limit: the token endpoint's own rate limit
    :param custom_domains: the tenant's custom domains; none given, any is accepted
    :param clients: client ids that ``enabled_clients`` may name; none given, any
    :param organizations: organization ids that a ticket may name; none given, any
    :param connections: finished connections, id to name
    :param strict_ids: whether ids must have Auth0's form, ``org_`` or ``con_`` and 16 alphanumerics
    :param public_url: base of ticket URLs; none given, the address the request came to
    :param open_lifetime: seconds a ticket lives on after it was first opened
    :param max_opens: how often a ticket's page can be opened
    :param rate_limit_headers: whether answers carry ``X-RateLimit-*``
    :param reset_means: what ``X-RateLimit-Reset`` tells: when the bucket is ``full`` again, when the
        ``next`` request is added, or when the fixed ``window`` ends
    :param retry_after: whether a 429 carries ``Retry-After``
    :param bare_429: whether a 429 comes without a message and an error code
    :param faults: faults armed at the start and after each reset
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    plan: str | Plan = "enterprise"
    latency: tuple[Seconds, Seconds] = (0.24, 0.65)
    client_id: str = "sandbox-client"
    client_secret: str = Field(default="sandbox-secret-0000000000000000", repr=False)
    public_keys: tuple[str, ...] = Field(default=(), repr=False)
    profile_ids: tuple[str, ...] = Field(default=("ssp_sandbox0000000001",), min_length=1)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    client_grant: bool = True
    client_credentials_grant: bool = True
    audiences: tuple[str, ...] = ()
    token_lifetime: int = Field(default=86_400, ge=1)
    token_limit: Plan = Plan(size=100, refill=100)
    custom_domains: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    connections: dict[str, str] = Field(default_factory=dict)
    strict_ids: bool = False
    public_url: str | None = None
    open_lifetime: float = Field(default=5 * 3600, gt=0)
    max_opens: int = Field(default=10, ge=1)
    rate_limit_headers: bool = True
    reset_means: ResetMeaning = "full"
    retry_after: bool = False
    bare_429: bool = False
    faults: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> SandboxSettings:
        if isinstance(self.plan, str) and self.plan not in PLANS:
            raise ValueError(f"plan {self.plan!r} is unknown: choose one of {', '.join(PLANS)}")
        if self.latency[0] > self.latency[1]:
            raise ValueError(f"latency {self.latency} is the wrong way round: give the shortest time first")
        return self

    @property
    def limit(self) -> Plan:
        """The rate limit that the plan comes to."""
        return PLANS[self.plan] if isinstance(self.plan, str) else self.plan

    @property
    def plan_name(self) -> str:
        """The plan's name, or ``custom``."""
        return self.plan if isinstance(self.plan, str) else "custom"
