"""The HTTP proxy to the tenant: the connection's own, or else the environment's."""

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
    proxies = getproxies_environment()
    proxy = proxies.get(tenant.scheme) or proxies.get("all", "")
    if not proxy or tenant.hostname in LOOPBACK or proxy_bypass(tenant.netloc):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def checked_proxy(url: str) -> str:
    """Return a proxy's URL, or raise ValueError if it can't be right; its message shows no password."""
    url = url.strip()
    try:
        # HTTP's basic authentication is sent in Latin-1.
        valid = _PROXY.fullmatch(url) and urlsplit(url).port != 0 and max(unquote(url)) <= "\xff"
    except ValueError:  # its message may show the URL
        valid = False
    if not valid:
        raise ValueError(
            "write the extra 'proxy', or without it the environment's HTTPS_PROXY, as "
            "http://user:password@host:port, a sign like @ in the password as %40"
        )
    return url


def passwords_in(url: str) -> list[str]:
    """Return a proxy URL's password, quoted and unquoted, or nothing."""
    password = urlsplit(url).password
    return [password, unquote(password)] if password else []
