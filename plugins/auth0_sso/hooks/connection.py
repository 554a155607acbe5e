"""How the settings are read from an Airflow connection of type ``auth0``."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.proxy import LOOPBACK, environment_proxy
from auth0_sso.hooks.settings import STANDARD_FIELDS, Auth0Settings
from auth0_sso.models import nearest

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)


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
    known = set(Auth0Settings.model_fields) - STANDARD_FIELDS
    for key in sorted(set(extra) - known):
        meant = nearest(key, known)
        hint = f" (did you mean '{meant}'?)" if meant else ""
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
