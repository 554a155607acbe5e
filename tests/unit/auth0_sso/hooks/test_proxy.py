"""The way to the tenant through a proxy: the connection's, or else the environment's."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0UnreachableError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.runtime.rate_limiter import RateLimiter

from dev.sandbox.server import Sandbox
from tests.support.certificates import Authority
from tests.support.little_proxy import LittleProxy
from tests.unit.auth0_sso.conftest import Connect, RunTenant

HOST = "acme.example.com"  # only a proxy leads to it
RunProxy = Callable[..., LittleProxy]


@pytest.fixture
def run_proxy() -> Iterator[RunProxy]:
    running: list[LittleProxy] = []

    def run(tenant: Sandbox, answers: bytes | None = None) -> LittleProxy:
        running.append(LittleProxy(tenant.port, answers).__enter__())
        return running[-1]

    yield run
    for proxy in running:
        proxy.__exit__()


@pytest.fixture
def tls_tenant(run_tenant: RunTenant, authority: Authority) -> Sandbox:
    return run_tenant(certificate=authority.certificate_of(HOST))


def create(hook: Auth0Hook) -> None:
    body = {"connection_config": {"name": "acme"}}

    async def run() -> None:
        async with hook.open():
            await hook.create_sso_ticket(hook.settings.profile_id, body)

    _ = hook.settings
    asyncio.run(run())


def test_all_requests_go_through_the_connections_proxy_in_a_tunnel(
    tls_tenant: Sandbox, connect: Connect, run_proxy: RunProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = run_proxy(tls_tenant)
    monkeypatch.setenv("HTTPS_PROXY", "http://another.example.com:3128")
    connect(tls_tenant, host=HOST, extra={"proxy": f"http://us%40er:p%3Ass@{proxy.address}"})

    create(Auth0Hook())

    assert set(proxy.requests) == {f"CONNECT {HOST}:443"}
    assert set(proxy.logins) == {"us@er:p:ss"}
    assert (tls_tenant.stats().token_requests, tls_tenant.stats().tickets) == (1, 1)


def test_requests_to_a_tenant_without_tls_are_forwarded_with_the_login_for_the_proxy_only(
    tenant: Sandbox, connect: Connect, run_proxy: RunProxy
) -> None:
    proxy = run_proxy(tenant)
    host = f"http://{HOST}"
    connect(tenant, host=host, extra={"proxy": f"http://user:pass@{proxy.address}", "allow_http": True})

    create(Auth0Hook())

    assert proxy.requests == [
        f"POST {host}/oauth/token",
        f"POST {host}/api/v2/self-service-profiles/{tenant.profile_id}/sso-ticket",
    ]
    assert set(proxy.logins) == {"user:pass"}
    assert tenant.stats().tickets == 1


def test_without_one_of_its_own_the_environments_proxy_is_used_and_no_netrc_is_read(
    tls_tenant: Sandbox, connect: Connect, run_proxy: RunProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = run_proxy(tls_tenant)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    connect(tls_tenant, host=HOST)

    create(Auth0Hook())

    assert set(proxy.requests) == {f"CONNECT {HOST}:443"}
    assert set(proxy.logins) == {""}
    assert tls_tenant.stats().tickets == 1


REFUSALS = [
    pytest.param(b"HTTP/1.1 407 Login Required\r\n\r\n", Auth0RunError, "demands another user or password", id="407"),
    pytest.param(
        b"HTTP/1.1 403 Denied\r\n\r\n", Auth0RunError, f"refuses a connection to {HOST}: 403 Denied", id="403"
    ),
    pytest.param(b"HTTP/1.1 502 Bad\r\n\r\n", Auth0UnreachableError, "the proxy answers 502 Bad", id="502"),
    pytest.param(b"HTTP/1.1 429 Slower\r\n\r\n", Auth0UnreachableError, "the proxy answers 429 Slower", id="429"),
    pytest.param(b"HTTP/1.1 2OO garbled\r\n\r\n", Auth0UnreachableError, f"No connection to {HOST}", id="garbled"),
    pytest.param(b"", Auth0UnreachableError, f"No connection to {HOST}", id="hangs up"),
]


@pytest.mark.parametrize(("answers", "kind", "said"), REFUSALS)
def test_a_request_that_the_proxy_makes_no_connection_for_was_never_sent(
    tenant: Sandbox,
    connect: Connect,
    run_proxy: RunProxy,
    caplog: pytest.LogCaptureFixture,
    answers: bytes,
    kind: type[Auth0Error],
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = run_proxy(tenant, answers)
    connect(tenant, host=HOST, extra={"token": "ready", "proxy": f"http://user:s3cret@{proxy.address}"})
    hook, rate_limiter = Auth0Hook(), RateLimiter(1000)

    async def one_request() -> None:
        async with hook.open(), rate_limiter.slot() as slot:
            await hook.create_sso_ticket("ssp_1", {}, slot=slot)

    _ = hook.settings
    with pytest.raises(kind, match=said) as caught:
        asyncio.run(one_request())

    assert type(caught.value) is kind
    assert "proxy" in caught.value.advice
    assert rate_limiter.requests == tenant.stats().requests == 0
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caplog.text}"


def test_a_proxy_that_is_not_there_is_named_and_nothing_was_sent(tenant: Sandbox, connect: Connect) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        connect(tenant, host=HOST, extra={"proxy": f"http://user:s3cret@127.0.0.1:{port}"})
        with pytest.raises(Auth0UnreachableError, match=rf"No connection to the proxy 127\.0\.0\.1:{port}") as caught:
            create(Auth0Hook())

    assert "extra 'proxy'" in caught.value.advice
    assert "HTTPS_PROXY" in caught.value.advice
    assert "s3cret" not in str(caught.value)


def test_a_forwarding_proxy_that_wants_a_login_is_not_taken_for_the_tenant(
    tenant: Sandbox, connect: Connect, run_proxy: RunProxy
) -> None:
    proxy = run_proxy(tenant, b"HTTP/1.1 407 Login Required\r\nContent-Length: 0\r\n\r\n")
    extra = {"token": "ready", "proxy": f"http://{proxy.address}", "allow_http": True}
    connect(tenant, host=f"http://{HOST}", extra=extra)

    with pytest.raises(Auth0RunError, match="The proxy demands another user or password"):
        create(Auth0Hook())


def test_a_request_waits_for_its_time_to_leave_when_the_tunnel_is_there(
    tls_tenant: Sandbox, connect: Connect, run_proxy: RunProxy
) -> None:
    proxy = run_proxy(tls_tenant)
    connect(tls_tenant, host=HOST, extra={"token": "ready", "proxy": f"http://{proxy.address}"})
    tunnels_when_it_left: list[int] = []

    class NotingPacer(RateLimiter):
        async def acquire(self, within: float = 0) -> None:
            tunnels_when_it_left.append(len(proxy.requests))

    async def one_request() -> None:
        async with hook.open(), hook.require_rate_limiter().slot() as slot:
            await hook.create_sso_ticket("ssp_1", {}, slot=slot)

    hook = Auth0Hook(rate_limiter=NotingPacer(1000))
    _ = hook.settings
    with pytest.raises(Auth0Error):  # the token is none of the tenant's
        asyncio.run(one_request())

    assert tunnels_when_it_left[0] == 1
