"""Running the sandbox: the handle, what it saw, the command line."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from dev.sandbox.__main__ import main
from dev.sandbox.server import Sandbox, SandboxError
from dev.sandbox.tenant.clock import ManualClock, steady_clock
from dev.sandbox.tenant.settings import SandboxSettings

ROOT = Path(__file__).parents[4]


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"127.0.0.1:{port}.*choose another port"):
            Sandbox(port=port).start()


def test_what_was_seen_can_be_asked_for_after_the_end(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    tenant = run_tenant()
    connect(tenant).create("acme")
    tenant.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(tenant.url)
    assert tenant.stats().tickets == 1


def test_it_can_stop_and_start_again_with_what_it_knows(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    tenant = run_tenant()
    client = connect(tenant)
    client.create("acme")
    tenant.stop()
    tenant.start()
    assert connect(tenant).create("globex").status_code == 201
    assert tenant.stats().tickets == 2


def test_the_log_of_calls_tells_who_asked_for_what_and_when(client: Any) -> None:
    before = time.time()
    client.create("acme", enabled_organizations=[{"organization_id": "org_1"}])
    client.create("", enabled_organizations="nonsense")
    client.revoke("x" * 32)
    created, invalid, revoked = client.tenant.requests
    assert (created.method, created.path) == ("POST", "/api/v2/self-service-profiles/{id}/sso-ticket")
    assert (created.status, created.connection_name, created.organization_ids) == (201, "acme", ("org_1",))
    assert (invalid.status, invalid.connection_name, invalid.organization_ids) == (400, "", ())
    assert revoked.path == "/api/v2/self-service-profiles/{id}/sso-ticket/{ticket_id}/revoke"
    assert before - 1 <= created.at <= invalid.at <= revoked.at <= time.time() + 1


def test_the_counters_tell_calls_refusals_and_peaks(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any], clock: ManualClock
) -> None:
    tenant = run_tenant(clock=clock, plan="free")
    client = connect(tenant)
    for number in range(5):
        client.create(f"c{number}")
    clock.advance(1)
    client.create("late")
    stats = tenant.stats()
    assert (stats.plan, stats.tickets, stats.requests, stats.rate_limited) == ("free", 3, 6, 3)
    assert stats.by_status == {201: 3, 429: 3}
    assert (stats.peak_rate, stats.peak_accepted_rate) == (5, 2)
    assert tenant.max_in_window(1.5) == 6
    assert tenant.max_in_window(1.5, "accepted") == 3


def test_the_same_can_be_asked_over_http(client: Any) -> None:
    client.create("acme", enabled_organizations=[{"organization_id": "org_1"}])
    stats = client.http.get("/_sandbox/stats", params={"window": 5}).json()
    assert (stats["tickets"], stats["max_in_window"], stats["by_status"]) == (1, 1, {"201": 1})
    (ticket,) = stats["ticket_list"]
    assert (ticket["connection_name"], ticket["organization_ids"], ticket["state"]) == ("acme", ["org_1"], "live")
    (seen,) = client.http.get("/_sandbox/requests").json()
    assert (seen["status"], seen["organization_ids"]) == (201, ["org_1"])
    assert client.tenant.stats().requests == 1


def test_the_front_page_tells_plan_and_counters(client: Any) -> None:
    client.create("acme")
    page = client.http.get("/").text
    assert "enterprise: 50 at once, 16 a second" in page
    assert "<dt>Tickets made</dt><dd>1</dd>" in page


@pytest.mark.parametrize("over_http", [True, False])
def test_a_reset_forgets_all_but_the_tokens(
    run_tenant: Callable[..., Sandbox],
    connect: Callable[[Sandbox], Any],
    clock: ManualClock,
    over_http: bool,
) -> None:
    client = connect(run_tenant(clock=clock, plan="free"))
    client.http.post(client.ticket_url("acme"))
    client.create("acme")
    client.tenant.fault("error_before")
    if over_http:
        client.http.post("/_sandbox/reset")
    else:
        client.tenant.reset()
    stats = client.tenant.stats()
    assert (stats.tickets, stats.requests, stats.tokens_issued, client.tenant.connections) == (0, 0, 0, {})
    assert [client.create("acme").status_code for _ in range(3)] == [201, 201, 429]


def test_latency_is_taken_by_api_and_token_calls_but_not_by_the_sandboxs_own(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    client = connect(run_tenant(latency=(0.3, 0.3)))
    answers = [client.ask_token(), client.create("a")]
    assert all(answer.elapsed.total_seconds() >= 0.3 for answer in answers)
    slow = connect(run_tenant(latency=(3600, 3600)))
    assert slow.http.get("/_sandbox/stats").status_code == 200


def test_the_limit_holds_under_many_threads(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    tenant = run_tenant(plan={"size": 10, "refill": 20})
    client = connect(tenant)
    client.headers()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.create(f"c{number}").status_code, range(80)))
    assert set(answers) <= {201, 429}
    assert tenant.stats().tickets == answers.count(201)
    for window in (0.1, 0.5, 1.0):
        assert tenant.max_in_window(window, "accepted") <= 10 + 20 * window


def test_it_answers_more_than_100_calls_a_second(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    client = connect(run_tenant(plan={"size": 1000, "refill": 1000}))
    client.headers()
    started = time.process_time()
    for number in range(100):
        client.create(f"c{number}")
    assert time.process_time() - started < 1  # of one core, this client's share included


def test_no_ticket_and_no_secret_is_logged_or_shown(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    url = client.ticket_url()
    client.http.get(url)
    client.revoke(url.partition("=")[2])
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
    shown = "".join(logged) + repr(client.tenant.tickets) + repr(client.tenant.requests)
    assert url.partition("=")[2] not in shown
    assert client.tenant.client_secret not in shown + repr(client.tenant.settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"plan": "gold"}, "choose one of free"),
        ({"latency": (2, 1)}, "shortest time first"),
        ({"latency": (-1, 1)}, "greater than or equal to 0"),
        ({"profile_ids": ()}, "at least 1"),
        ({"bucket": 3}, "bucket"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        SandboxSettings(**settings)


def test_the_clock_keeps_time() -> None:
    clock = steady_clock()
    assert clock() == pytest.approx(time.time(), abs=1)
    assert clock() <= clock()


def start_cli(*options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dev.sandbox", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_tells_its_address_and_ends_when_told() -> None:
    running = start_cli("--latency", "0", "--plan", "professional", SANDBOX_PLAN="free", SANDBOX_CLIENT_ID="env-client")
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address is not None, line
        stats = httpx.get(f"{address[0]}/_sandbox/stats").json()
        assert stats["plan"] == "professional"  # the option wins over the variable
        fields = {
            "grant_type": "client_credentials",
            "client_id": "env-client",
            "client_secret": "sandbox-secret-0000000000000000",
            "audience": f"{address[0]}/api/v2/",
        }
        assert httpx.post(f"{address[0]}/oauth/token", data=fields).status_code == 200
        running.send_signal(signal.SIGTERM)
        rest, errors = running.communicate(timeout=10)
        assert (rest, errors, running.returncode) == ("", "", 0)
    finally:
        running.kill()
        running.wait()


def test_the_command_fails_on_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "choose another port" in capsys.readouterr().err


def test_neither_help_nor_a_refused_setting_shows_the_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CLIENT_SECRET", "s3cret")
    with pytest.raises(SystemExit):
        main(["--help"])
    with pytest.raises(ValidationError) as refused:
        SandboxSettings(client_secret="s3cret", plan="gold")
    assert "s3cret" not in capsys.readouterr().out + str(refused.value)


@pytest.mark.parametrize(
    "options", [["--latency", "fast"], ["--plan", "gold"], ["--port", "many"], ["--reset-means", "never"]]
)
def test_the_command_refuses_options_that_make_no_sense(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
