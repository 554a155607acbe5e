"""
The settings of a tenant, with the bounds, the defaults and the descriptions that the connection's form shows.

Airflow reads them for the form while it is being imported itself, so nothing here imports Airflow.
"""

from __future__ import annotations

import re
import textwrap
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from auth0_sso.hooks.identifiers import HEADER_SAFE, ascii_host, client_ids, is_id
from auth0_sso.hooks.proxy import checked_proxy, passwords_in
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

if TYPE_CHECKING:
    from auth0_sso.runtime.rate_limiter import RateLimiter

STANDARD_FIELDS = frozenset({"base_url", "client_id", "client_secret"})
"""The settings that the connection has fields of Airflow's own for; all others are in its extra."""

_PEM = re.compile(r"(-----BEGIN [^-]+-----)([A-Za-z0-9+/=\s]+)(-----END [^-]+-----)")


def _check_profile_id(profile_id: str) -> str:
    if profile_id and not is_id(profile_id):
        raise ValueError("must be letters A-Z or a-z, digits, '_' or '-', at most 255, such as ssp_a1B2c3")
    return profile_id


def _encode_custom_domain(custom_domain: str) -> str:
    host = ascii_host(custom_domain)
    if custom_domain and not host:
        raise ValueError("must be a host, such as login.example.com, without scheme, port and path")
    return host


def _check_token(token: SecretStr) -> SecretStr:
    if token.get_secret_value() and not HEADER_SAFE.fullmatch(token.get_secret_value()):
        raise ValueError("must be printable ASCII characters without white space")
    return token


def _restore_line_ends(key: SecretStr) -> SecretStr:
    # In an environment variable they are often "\n", two characters; a form field of one line drops them.
    return SecretStr(_PEM.sub(_wrapped, key.get_secret_value().replace("\\n", "\n")))


def _wrapped(pem: re.Match[str]) -> str:
    return "\n".join((pem[1], *textwrap.wrap("".join(pem[2].split()), 64), pem[3]))


def _check_proxy(url: SecretStr) -> SecretStr:
    return SecretStr(checked_proxy(url.get_secret_value()))


class Auth0Settings(BaseModel):
    """The checked settings, with defaults; ``requests_per_slot`` in requests a second, ``timeout`` in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    base_url: str
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")

    profile_id: Annotated[str, AfterValidator(_check_profile_id)] = Field(
        default="",
        title="Self-service profile",
        description="The profile's id, ssp_…, for requests without one.",
    )
    enabled_clients: Annotated[tuple[str, ...], BeforeValidator(client_ids)] = Field(
        default=(),
        title="Enabled clients",
        description="Client ids, separated by ;, of the applications that a new connection is enabled for, for "
        "requests that set none. Without one, Auth0 shows the customer no Enable Connection button.",
    )
    audience: str = Field(
        default="",
        title="Audience",
        description="Default: https://{tenant domain}/api/v2/.",
    )
    custom_domain: Annotated[str, AfterValidator(_encode_custom_domain)] = Field(
        default="",
        title="Custom domain",
        description="Host of the ticket URLs; sent as the auth0-custom-domain header.",
    )
    requests_per_slot: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        title="Requests per slot",
        description="Requests a second for each pool slot.",
    )
    burst_per_slot: float = Field(
        default=1.0,
        ge=1,
        le=1000,
        title="Burst per slot",
        description="Requests that one slot may save up.",
    )
    private_key: Annotated[SecretStr, AfterValidator(_restore_line_ends)] = Field(
        default=SecretStr(""),
        title="Private key",
        description="PEM of an RSA key; private_key_jwt then replaces the client secret.",
    )
    token: Annotated[SecretStr, AfterValidator(_check_token)] = Field(
        default=SecretStr(""),
        title="Access token",
        description="A ready Management API token; then none is fetched.",
    )
    proxy: Annotated[SecretStr, AfterValidator(_check_proxy)] = Field(
        default=SecretStr(""),
        title="Proxy",
        description="http://user:password@host:port. Default: the environment's HTTPS_PROXY and NO_PROXY.",
    )
    log_retention_days: int = Field(
        default=1,
        ge=1,
        le=30,
        title="Log retention",
        description="Days for which the tenant keeps its logs, by its plan: Free 1, Essentials 5, Professional 10, "
        "Enterprise 30.",
    )
    timeout: float = Field(
        default=30.0,
        gt=0,
        le=300,
        title="Timeout",
        description="Seconds to wait for an answer.",
    )
    allow_http: bool = Field(
        default=False,
        title="Allow http",
        description="Sends secrets unencrypted; only for a test tenant on another machine.",
    )

    def rate_limiter(self, slots: int, held_since: datetime, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> RateLimiter:
        """Return the rate limiter of a task that has held a number of pool slots since then."""
        from auth0_sso.runtime.rate_limiter import RateLimiter  # it imports Airflow

        held_for = max(0.0, (datetime.now(UTC) - held_since).total_seconds())
        return RateLimiter(
            rate=slots * self.requests_per_slot,
            burst=slots * self.burst_per_slot,
            since=time.monotonic() - held_for,
            timeouts=timeouts,
        )

    @property
    def domain(self) -> str:
        """The tenant's domain, with its port if it has one."""
        return urlsplit(self.base_url).netloc

    @property
    def credentials(self) -> list[str]:
        """The secrets that authenticate at the tenant."""
        held = (self.client_secret, self.private_key, self.token)
        return [secret.get_secret_value() for secret in held if secret.get_secret_value()]

    @property
    def secrets(self) -> list[str]:
        """What must be masked in logs."""
        return [*self.credentials, *passwords_in(self.proxy.get_secret_value())]
