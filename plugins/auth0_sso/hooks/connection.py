"""The Airflow connection of type ``auth0``, read once and checked."""

from __future__ import annotations

import difflib
import logging
import re
import textwrap
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.identifiers import CAN_BE_SENT, ascii_host, is_id
from auth0_sso.hooks.proxy import LOOPBACK, checked_proxy, environment_proxy, passwords_in
from auth0_sso.models import is_true
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

_PEM = re.compile(r"(-----BEGIN [^-]+-----)([A-Za-z0-9+/=\s]+)(-----END [^-]+-----)")


class Auth0Settings(BaseModel):
    """
    What the ``auth0`` connection says, with its defaults filled in.

    ``requests_per_slot`` is in requests a second, ``burst_per_slot`` in requests, ``timeout`` in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    base_url: str
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    private_key: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    audience: str = ""
    profile_id: str = ""
    custom_domain: str = ""
    requests_per_slot: float = Field(default=1.0, gt=0, le=1000)
    burst_per_slot: float = Field(default=1.0, ge=1, le=1000)
    timeout: float = Field(default=30.0, gt=0, le=300)
    allow_http: bool = False
    proxy: SecretStr = SecretStr("")

    @field_validator("profile_id")
    @classmethod
    def _check_profile_id(cls, profile_id: str) -> str:
        if profile_id and not is_id(profile_id):
            raise ValueError("must be letters A-Z or a-z, digits, '_' or '-', at most 255, such as ssp_a1B2c3")
        return profile_id

    @field_validator("custom_domain")
    @classmethod
    def _encode_custom_domain(cls, custom_domain: str) -> str:
        host = ascii_host(custom_domain)
        if custom_domain and not host:
            raise ValueError("must be a host, such as login.example.com, without scheme, port and path")
        return host

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        if token.get_secret_value() and not CAN_BE_SENT.fullmatch(token.get_secret_value()):
            raise ValueError("must be printable ASCII characters without white space")
        return token

    @field_validator("private_key")
    @classmethod
    def _restore_line_ends(cls, key: SecretStr) -> SecretStr:
        # In an environment variable they are often "\n" as two characters; a one-line form field drops them.
        return SecretStr(_PEM.sub(_wrapped, key.get_secret_value().replace("\\n", "\n")))

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, url: SecretStr) -> SecretStr:
        return SecretStr(checked_proxy(url.get_secret_value()))

    def rate_limiter(self, slots: int, held_since: datetime, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> RateLimiter:
        """
        Return the pacer of a task's pool slots, which earn from the moment the task has them.

        :param slots: how many slots the task has taken.
        :param held_since: since when.
        :param timeouts: how long its pauses are.
        """
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
        """What proves to the tenant who asks."""
        held = (self.client_secret, self.private_key, self.token)
        return [secret.get_secret_value() for secret in held if secret.get_secret_value()]

    @property
    def secrets(self) -> list[str]:
        """What must never be seen in a log."""
        return [*self.credentials, *passwords_in(self.proxy.get_secret_value())]


def read_settings(connection: Connection) -> Auth0Settings:
    """
    Read and check an Airflow connection of type ``auth0``.

    :param connection: the connection, as ``BaseHook.get_connection`` returns it.
    :return: the settings.
    :raises Auth0ConnectionError: if a field is missing or can't be right; it names the field and the remedy.
    """
    extra = _known_extra(connection.conn_id, connection.extra_dejson)
    base_url = _base_url(connection, allow_http=is_true(extra.get("allow_http", "")))
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
            f"Connection '{connection.conn_id}' is wrong: {problems.replace('Value error, ', '')}.",
            advice="Mend it under Admin > Connections.",
        ) from None
    _check_credentials(connection.conn_id, settings)
    return settings


def _wrapped(pem: re.Match[str]) -> str:
    return "\n".join((pem[1], *textwrap.wrap("".join(pem[2].split()), 64), pem[3]))


def _known_extra(conn_id: str, extra: object) -> dict[str, Any]:
    if not isinstance(extra, Mapping):
        raise Auth0ConnectionError(
            f"Connection '{conn_id}': the extra must be a JSON object.",
            advice='Write it like {"profile_id": "ssp_..."}.',
        )
    known = set(Auth0Settings.model_fields) - {"base_url", "client_id", "client_secret"}
    for name in sorted(set(extra) - known):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
        log.warning("Connection '%s': unknown extra '%s' is ignored%s", conn_id, name, hint)
    return {name: value for name, value in extra.items() if name in known and value not in (None, "")}


def _base_url(connection: Connection, *, allow_http: bool) -> str:
    host = (connection.host or "").strip().rstrip("/")
    if not host:
        raise Auth0ConnectionError(
            f"Connection '{connection.conn_id}' has no host.",
            advice="Set it to the tenant's domain, like acme.eu.auth0.com.",
        )
    parts = _bare_domain(host)
    if parts is None:
        raise Auth0ConnectionError(
            f"Connection '{connection.conn_id}': the host must be a bare domain.",
            advice="Give it like acme.eu.auth0.com, without a path, query or user.",
        )
    if parts.scheme == "https" or (parts.scheme == "http" and (allow_http or parts.hostname in LOOPBACK)):
        return f"{parts.scheme}://{_netloc(parts, parts.port or connection.port)}"
    raise Auth0ConnectionError(
        f"Connection '{connection.conn_id}': '{parts.scheme}://' would send secrets unprotected to {parts.hostname}.",
        advice="Drop the scheme, or set the extra 'allow_http' to true for a test tenant.",
    )


def _netloc(parts: SplitResult, port: int | None) -> str:
    """One way to write each host: the ledger knows tenants by it, and Auth0 takes no other in an audience."""
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    default = {"https": 443, "http": 80}[parts.scheme]
    return host.lower() if port in (None, 0, default) else f"{host.lower()}:{port}"


def _bare_domain(host: str) -> SplitResult | None:
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
        bare = parts.port != 0 and re.fullmatch(r"[\w.:\[\]-]*[\w\]]", parts.netloc)
    except ValueError:
        return None
    return parts if bare and parts.hostname and not (parts.path or parts.query or parts.fragment) else None


def _check_credentials(conn_id: str, settings: Auth0Settings) -> None:
    if settings.token.get_secret_value():
        return
    has_proof = settings.client_secret.get_secret_value() or settings.private_key.get_secret_value()
    if not settings.client_id or not has_proof:
        missing = "login (client id)" if not settings.client_id else "password (client secret)"
        raise Auth0ConnectionError(
            f"Connection '{conn_id}' has no {missing}.",
            advice="Fill it in from the Auth0 application's page, or set the extra 'private_key' or 'token'.",
        )
