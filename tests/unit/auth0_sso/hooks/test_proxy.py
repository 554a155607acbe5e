"""Requests through the connection's proxy, or else the environment's."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from auth0_sso.exceptions import Auth0ConnectionError, Auth0Error, Auth0RunError, Auth0UnreachableError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.proxy import checked_proxy, environment_proxy
from auth0_sso.runtime.rate_limiter import RateLimiter

from dev.sandbox.server import Sandbox
from tests.support.certificates import Authority
from tests.support.little_proxy import LittleProxy
from tests.unit.auth0_sso.conftest import Connect, RunTenant

HOST = "acme.example.com"  # only reachable through a proxy
RunProxy = Callable[..., LittleProxy]


@pytest.fixture
def run_proxy() -> Iterator[RunProxy]:
    with ExitStack() as running:
        yield lambda tenant, answers=None: running.enter_context(LittleProxy(tenant.port, answers))


@pytest.fixture
def tls_tenant(run_tenant: RunTenant, authority: Authority) -> Sandbox:
    return run_tenant(certificate=authority.certificate_of(HOST))


def create(rate_limiter: RateLimiter | None = None) -> None:
    hook = Auth0Hook(rate_limiter=rate_limiter or RateLimiter(1000))
    profile_id = hook.settings.profile_id

    async def one_request() -> None:
        async with hook.open(), hook.require_rate_limiter().slot() as slot:
            await hook.create_sso_ticket(profile_id, {"connection_config": {"name": "acme"}}, slot=slot)

    asyncio.run(one_request())


@pytest.mark.parametrize(
    ("variables", "host", "proxy"),
    [
        ({"HTTPS_PROXY": "http://one:1", "ALL_PROXY": "http://two:2"}, "https://acme.auth0.com", "http://one:1"),
        ({"https_proxy": "proxy:3128"}, "https://acme.auth0.com", "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128"}, "https://acme.auth0.com", "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://acme.auth0.com", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.com,auth0.com"}, "https://acme.auth0.com", ""),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other.com"}, "https://acme.auth0.com", "http://p:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://localhost:8443", ""),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://[::1]:8080", ""),
    ],
)
def test_the_environment_names_the_proxy_for_the_tenants_host(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str, proxy: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(host) == proxy


@pytest.mark.parametrize(
    "proxy", ["http://proxy", "HTTP://PROXY:80", "http://user:p%40ss!'*@10.0.0.1:3128", "http://user@[::1]:3128/"]
)
def test_a_valid_proxy_is_used_as_it_is(proxy: str) -> None:
    assert checked_proxy(f" {proxy}\n") == proxy


@pytest.mark.parametrize(
    "proxy",
    [
        "user:s3cret@proxy:3128",
        "https://user:s3cret@proxy:3128",
        "socks5://user:s3cret@proxy:1080",
        "http://user:s3cret@",
        "http://user:s3cret@proxy:0",
        "http://user:s3cret@proxy:99999",
        "http://user:s3cret@proxy:3128/path",
        "http://user:s3cret@proxy:3128?query",
        "http://user:s3c/ret@proxy:3128",
        "http://user:s3c@ret@proxy:3128",
        "http://us%3aer:s3cret@proxy:3128",
        "http://user:s3cret%E2%82%AC@proxy:3128",
        "http://user:s3cret@pro\nxy:3128",
        "http://user:s3cret@pröxy:3128",
    ],
)
def test_a_wrong_proxy_is_refused_without_showing_its_password(proxy: str) -> None:
    with pytest.raises(ValueError, match="http://user:password@host:port") as caught:
        checked_proxy(proxy)
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize("variable", [{}, {"ALL_PROXY": "socks5://user:s3cret@proxy:1080"}])
def test_a_wrong_proxy_of_the_connection_or_the_environment_is_the_connections_error(
    tenant: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    connect(tenant, host=HOST, extra={} if variable else {"proxy": "http://user:s3cret@"})
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Auth0ConnectionError, match="the extra 'proxy', or without it the environment's") as caught:
        _ = Auth0Hook().settings
    assert "s3cret" not in str(caught.value)


def test_all_requests_go_through_the_connections_proxy_in_a_tunnel(
    tls_tenant: Sandbox, connect: Connect, run_proxy: RunProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = run_proxy(tls_tenant)
    monkeypatch.setenv("HTTPS_PROXY", "http://another.example.com:3128")
    connect(tls_tenant, host=HOST, extra={"proxy": f"http://us%40er:p%3Ass@{proxy.address}"})

    create()

    assert set(proxy.requests) == {f"CONNECT {HOST}:443"}
    assert set(proxy.logins) == {"us@er:p:ss"}
    assert (tls_tenant.stats().token_requests, tls_tenant.stats().tickets) == (1, 1)


def test_requests_to_a_tenant_without_tls_are_forwarded_with_the_proxys_login(
    tenant: Sandbox, connect: Connect, run_proxy: RunProxy
) -> None:
    proxy = run_proxy(tenant)
    host = f"http://{HOST}"
    connect(tenant, host=host, extra={"proxy": f"http://user:pass@{proxy.address}", "allow_http": True})

    create()

    assert proxy.requests == [
        f"POST {host}/oauth/token",
        f"POST {host}/api/v2/self-service-profiles/{tenant.profile_id}/sso-ticket",
    ]
    assert set(proxy.logins) == {"user:pass"}
    assert tenant.stats().tickets == 1


def test_the_environments_proxy_is_used_by_default_and_no_netrc_is_read(
    tls_tenant: Sandbox, connect: Connect, run_proxy: RunProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = run_proxy(tls_tenant)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    connect(tls_tenant, host=HOST)

    create()

    assert set(proxy.requests) == {f"CONNECT {HOST}:443"}
    assert set(proxy.logins) == {""}
    assert tls_tenant.stats().tickets == 1


REFUSALS = [
    pytest.param(b"407 Login Required\r\n\r\n", Auth0RunError, "demands another user or password", id="407"),
    pytest.param(b"403 Denied\r\n\r\n", Auth0RunError, f"refuses a connection to {HOST}: 403 Denied", id="403"),
    pytest.param(b"502 Bad\r\n\r\n", Auth0UnreachableError, "the proxy answers 502 Bad", id="502"),
    pytest.param(b"429 Slower\r\n\r\n", Auth0UnreachableError, "the proxy answers 429 Slower", id="429"),
    pytest.param(b"2OO garbled\r\n\r\n", Auth0UnreachableError, f"No connection to {HOST}", id="garbled"),
    pytest.param(b"", Auth0UnreachableError, f"No connection to {HOST}", id="hangs up"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), REFUSALS)
def test_a_request_without_a_tunnel_was_not_sent(
    tenant: Sandbox,
    connect: Connect,
    run_proxy: RunProxy,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    kind: type[Auth0Error],
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = run_proxy(tenant, answer and b"HTTP/1.1 " + answer)
    connect(tenant, host=HOST, extra={"token": "ready", "proxy": f"http://user:s3cret@{proxy.address}"})
    rate_limiter = RateLimiter(1000)

    with pytest.raises(kind, match=said) as caught:
        create(rate_limiter)

    assert type(caught.value) is kind
    assert "proxy" in caught.value.advice
    assert rate_limiter.requests == tenant.stats().requests == 0
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caplog.text}"


def test_an_unreachable_proxy_is_named(tenant: Sandbox, connect: Connect) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        connect(tenant, host=HOST, extra={"proxy": f"http://user:s3cret@127.0.0.1:{port}"})
        with pytest.raises(Auth0UnreachableError, match=rf"No connection to the proxy 127\.0\.0\.1:{port}") as caught:
            create()

    assert "extra 'proxy'" in caught.value.advice
    assert "HTTPS_PROXY" in caught.value.advice
    assert "s3cret" not in str(caught.value)


def test_the_407_of_a_forwarding_proxy_is_not_taken_for_the_tenants_answer(
    tenant: Sandbox, connect: Connect, run_proxy: RunProxy
) -> None:
    proxy = run_proxy(tenant, b"HTTP/1.1 407 Login Required\r\nContent-Length: 0\r\n\r\n")
    extra = {"token": "ready", "proxy": f"http://{proxy.address}", "allow_http": True}
    connect(tenant, host=f"http://{HOST}", extra=extra)

    with pytest.raises(Auth0RunError, match="The proxy demands another user or password"):
        create()
