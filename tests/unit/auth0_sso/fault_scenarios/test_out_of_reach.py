"""A tenant that can't be reached: no name, no connection or no TLS. Nothing is sent, so nothing is ambiguous."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.store import Ledger

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.certificates import Authority
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios

RETRY_BUDGET = 0.3
SHORT_CONNECT = replace(factories.SHORT, connect=0.2)


def nothing_was_sent(ledger: Ledger, tenant: Sandbox, said: str, **options: Any) -> None:
    """Run a task, and check that it ends after the retry budget with nothing sent, recorded or ambiguous."""
    outcomes = scenarios.check_not_created(scenarios.fleet(ledger, 1, 20, retry_budget=RETRY_BUDGET, **options), said)
    assert not [error for error in scenarios.errors(outcomes) if "may have been carried out" in error]
    assert ledger.entries_of_run(factories.FIRST_RUN.run) == []
    assert (tenant.stats().requests, tenant.stats().tokens_issued) == (0, 0)


@pytest.fixture
def ports(tenant: Sandbox) -> Iterator[dict[str, int]]:
    """Return a port that refuses connections, one that accepts them and sends nothing, and the tenant's."""
    with socket.socket() as refusing, socket.create_server(("127.0.0.1", 0)) as mute:
        refusing.bind(("127.0.0.1", 0))
        yield {"refusing": refusing.getsockname()[1], "mute": mute.getsockname()[1], "tenant": tenant.port}


@pytest.mark.answers("429, 5xx, no network")
@pytest.mark.parametrize(
    "host",
    ["https://nobody.invalid", "http://127.0.0.1:{refusing}", "https://127.0.0.1:{mute}", "https://127.0.0.1:{tenant}"],
    ids=["the name is not found", "refused", "no answer to the TLS handshake", "plain HTTP instead of TLS"],
)
def test_nothing_is_sent_to_a_host_without_a_connection(
    ledger: Ledger, tenant: Sandbox, connect: Connect, ports: dict[str, int], host: str
) -> None:
    url = host.format(**ports)
    connect(tenant, host=url, extra={"timeout": 30})
    nothing_was_sent(ledger, tenant, f"No connection to {url.partition('://')[2]}", timeouts=SHORT_CONNECT)


def test_after_a_look_up_that_hangs_the_requests_do_not_leave_all_at_once(
    ledger: Ledger, tenant: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, host=f"http://localhost:{tenant.port}")
    scenarios.fleet(ledger, 1, 1).run()  # so that there is a token
    look_up, ends = socket.getaddrinfo, time.monotonic() + 2

    def hang(host: Any, *details: Any, **more: Any) -> Any:
        time.sleep(max(0.0, ends - time.monotonic()))
        return look_up(host, *details, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    outcomes = scenarios.fleet(ledger, 1, 14, rate=5, burst=1, attempt=factories.SECOND_RUN).run()
    assert factories.statuses(outcomes) == {"created": 13, "reused": 1}
    _, first, *others = [seen.at for seen in tenant.requests if seen.path.endswith("/sso-ticket")]
    assert sum(at < first + 1 for at in others) <= 1 + 5


@pytest.mark.parametrize(
    ("host", "days", "trusted", "said"),
    [
        pytest.param("elsewhere.example.com", (-1, 1), True, "Hostname mismatch", id="of another host"),
        pytest.param("localhost", (-1, 1), False, "certificate verify failed", id="of an unknown authority"),
    ],
)
def test_a_wrong_certificate_is_refused(
    ledger: Ledger,
    run_tenant: RunTenant,
    connect: Connect,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    days: tuple[int, int],
    trusted: bool,
    said: str,
) -> None:
    tenant = run_tenant(certificate=authority.certificate_of(host, days))
    if not trusted:
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    connect(tenant, host=f"https://localhost:{tenant.port}")
    nothing_was_sent(ledger, tenant, said)
