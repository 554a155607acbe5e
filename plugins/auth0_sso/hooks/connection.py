"""The settings in an Airflow connection of type ``auth0``."""

from __future__ import annotations

import difflib
import logging
import re
import textwrap
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.identifiers import HEADER_SAFE, ascii_host, client_ids, is_id
from auth0_sso.hooks.proxy import LOOPBACK, checked_proxy, environment_proxy, passwords_in
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

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
    private_key: Annotated[SecretStr, AfterValidator(_restore_line_ends)] = SecretStr("")
    token: Annotated[SecretStr, AfterValidator(_check_token)] = SecretStr("")
    audience: str = ""
    profile_id: Annotated[str, AfterValidator(_check_profile_id)] = ""
    enabled_clients: Annotated[tuple[str, ...], BeforeValidator(client_ids)] = ()
    custom_domain: Annotated[str, AfterValidator(_encode_custom_domain)] = ""
    requests_per_slot: float = Field(default=1.0, gt=0, le=1000)
    burst_per_slot: float = Field(default=1.0, ge=1, le=1000)
    timeout: float = Field(default=30.0, gt=0, le=300)
    allow_http: bool = False
    proxy: Annotated[SecretStr, AfterValidator(_check_proxy)] = SecretStr("")

    def rate_limiter(self, slots: int, held_since: datetime, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> RateLimiter:
        """Return the rate limiter of a task that has held a number of pool slots since then."""
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


def read_settings(connection: Connection) -> Auth0Settings:
    """Read a connection of type ``auth0``; Auth0ConnectionError names a field that is missing or can't be right."""
    name = f"Connection '{connection.conn_id}'"
    extra = _known_extra(name, connection.extra_dejson)
    base_url = _base_url(name, connection)
    filled = {
        "base_url": base_url,
        "client_id": connection.login or "",
        "client_secret": connection.password or "",
        "audience": f"https://{urlsplit(base_url).netloc}/api/v2/",
        **extra,
    }
    if "proxy" not in extra and (proxy := environment_proxy(base_url)):
        filled["proxy"] = proxy
    try:
        settings = Auth0Settings(**filled)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Auth0ConnectionError(
            f"{name} is wrong: {problems.replace('Value error, ', '')}.", advice="Fix it under Admin > Connections."
        ) from None
    _check_encryption(name, settings)
    _check_credentials(name, settings)
    return settings


def _known_extra(name: str, extra: object) -> dict[str, Any]:
    if not isinstance(extra, Mapping):
        raise Auth0ConnectionError(
            f"{name}: the extra must be a JSON object.", advice='Write it like {"profile_id": "ssp_..."}.'
        )
    known = set(Auth0Settings.model_fields) - {"base_url", "client_id", "client_secret"}
    for key in sorted(set(extra) - known):
        nearest = difflib.get_close_matches(key, known, n=1)
        hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
        log.warning("%s: unknown extra '%s' is ignored%s", name, key, hint)
    return {key: value for key, value in extra.items() if key in known and value not in (None, "")}


def _base_url(name: str, connection: Connection) -> str:
    """Return the tenant's URL in its one canonical form: the ledger and Auth0's audiences compare it."""
    host = (connection.host or "").strip().rstrip("/")
    if not host:
        raise Auth0ConnectionError(
            f"{name} has no host.", advice="Set it to the tenant's domain, like acme.eu.auth0.com."
        )
    parts = _bare_domain(host)
    if parts is None:
        raise Auth0ConnectionError(
            f"{name}: the host must be a bare domain.",
            advice="Give it like acme.eu.auth0.com, without a path, query or user.",
        )
    domain = (parts.netloc.rpartition(":")[0] if parts.port else parts.netloc).lower()
    port = parts.port or connection.port
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{domain}" if port in (None, 0, default) else f"{parts.scheme}://{domain}:{port}"


def _bare_domain(host: str) -> SplitResult | None:
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
        bare = parts.port != 0 and re.fullmatch(r"[\w.:\[\]-]*[\w\]]", parts.netloc)
    except ValueError:
        return None
    return parts if bare and parts.hostname and not (parts.path or parts.query or parts.fragment) else None


def _check_encryption(name: str, settings: Auth0Settings) -> None:
    parts = urlsplit(settings.base_url)
    if parts.scheme == "https" or (parts.scheme == "http" and (settings.allow_http or parts.hostname in LOOPBACK)):
        return
    raise Auth0ConnectionError(
        f"{name}: '{parts.scheme}://' would send secrets unprotected to {parts.hostname}.",
        advice="Drop the scheme, or set the extra 'allow_http' to true for a test tenant.",
    )


def _check_credentials(name: str, settings: Auth0Settings) -> None:
    if settings.token.get_secret_value():
        return
    has_secret = settings.client_secret.get_secret_value() or settings.private_key.get_secret_value()
    if not settings.client_id or not has_secret:
        missing = "login (client id)" if not settings.client_id else "password (client secret)"
        raise Auth0ConnectionError(
            f"{name} has no {missing}.",
            advice="Fill it in from the Auth0 application's page, or set the extra 'private_key' or 'token'.",
        )
