"""Which HTTP proxy leads to the tenant: the connection's own, or else the environment's."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_PROXY = re.compile(
    r"http://(?:(?:(?!%3a)[^\s/?#@:])+(?::[^\s/?#@]*)?@)?(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?/?", re.IGNORECASE
)


def environment_proxy(base_url: str) -> str:
    """Return the proxy that the environment names for a tenant (``HTTPS_PROXY``, ``NO_PROXY``, …), or nothing."""
    tenant = urlsplit(base_url)
    named = getproxies_environment()
    proxy = named.get(tenant.scheme) or named.get("all", "")
    if not proxy or tenant.hostname in LOOPBACK or proxy_bypass(tenant.netloc):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def checked_proxy(url: str) -> str:
    """
    Return a proxy's URL as it can be used.

    :raises ValueError: if it can't be right; the message doesn't repeat it, since it may hold a password.
    """
    url = url.strip()
    # HTTP's basic authentication, as it is sent here, has no signs beyond Latin-1.
    if not _PROXY.fullmatch(url) or max(unquote(url)) > "\xff" or not _has_a_port_that_exists(url):
        raise ValueError(
            "write the extra 'proxy', or without it the environment's HTTPS_PROXY, as "
            "http://user:password@host:port, a sign like @ in the password as %40"
        )
    return url


def passwords_in(url: str) -> list[str]:
    """Return the password in a proxy's URL as it is written there and as it is meant; none: nothing."""
    password = urlsplit(url).password
    return [password, unquote(password)] if password else []


def _has_a_port_that_exists(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
