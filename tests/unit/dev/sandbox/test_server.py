"""Running the sandbox: in this process, what it received, and the command line."""

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
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from dev.sandbox.__main__ import main
from dev.sandbox.server import Sandbox, SandboxError
from dev.sandbox.tenant.clock import ManualClock
from dev.sandbox.tenant.settings import DEFAULT_SCOPES, SandboxSettings

ROOT = Path(__file__).parents[4]
NewClient = Callable[..., Any]


def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"127.0.0.1:{port}.*choose another port"):
            Sandbox(port=port).start()
        assert main(["--port", str(port)]) == 1
    assert "choose another port" in capsys.readouterr().err


def test_it_can_stop_and_start_again_and_keeps_what_it_knows(new_client: NewClient) -> None:
    client = new_client()
    client.create("acme")
    client.tenant.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(client.tenant.url)
    assert client.tenant.stats().tickets == 1
    client.tenant.start()
    assert client.create("globex").status_code == 201
    assert client.tenant.stats().tickets == 2


def test_each_call_is_recorded_with_the_prospect_that_it_is_for(client: Any) -> None:
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


def test_calls_refusals_and_peaks_are_counted(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, plan="free")
    client.statuses(5)
    clock.advance(1)
    client.create("late")
    stats = client.tenant.stats()
    assert (stats.plan, stats.tickets, stats.requests, stats.rate_limited) == ("free", 3, 6, 3)
    assert stats.by_status == {201: 3, 429: 3}
    assert (stats.peak_rate, stats.peak_accepted_rate) == (5, 2)


def test_the_counts_are_available_over_http_and_on_the_front_page(client: Any) -> None:
    client.create("acme", enabled_organizations=[{"organization_id": "org_1"}])
    stats = client.http.get("/_sandbox/stats").json()
    assert (stats["tickets"], stats["by_status"]) == (1, {"201": 1})
    (ticket,) = stats["ticket_list"]
    assert (ticket["connection_name"], ticket["organization_ids"], ticket["state"]) == ("acme", ["org_1"], "live")
    (seen,) = client.http.get("/_sandbox/requests").json()
    assert (seen["status"], seen["organization_ids"]) == (201, ["org_1"])
    (log,) = client.http.get("/_sandbox/logs").json()[-1:]
    assert log["details"]["connection_name"] == "acme"
    page = client.http.get("/").text
    assert "enterprise: 50 at once, 16 a second" in page
    assert "<dt>Tickets created</dt><dd>1</dd>" in page
    assert client.tenant.stats().requests == 1


def test_the_docs_name_every_endpoint_its_scope_and_the_steps_of_a_setup(client: Any) -> None:
    description = client.http.get("/_sandbox/openapi.json").json()["info"]["description"]
    assert "| `discovery_domains` | `GET /api/v2/organizations/{id}/discovery-domains` |" in description
    assert [scope for scope in DEFAULT_SCOPES if scope not in description] == []
    assert "`verify_early`" in description


@pytest.mark.parametrize("setting", ["latency", "log_delay"])
def test_a_span_of_time_gives_the_shortest_first(setting: str) -> None:
    with pytest.raises(ValidationError, match=f"{setting} .* must give the shortest time first"):
        SandboxSettings(**{setting: (2, 1)})


def test_a_reset_forgets_all_but_the_tokens(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, plan="free")
    client.http.post(client.ticket_url("acme"))
    client.create("acme")
    client.tenant.fault("error_before")
    client.http.post("/_sandbox/reset")
    stats = client.tenant.stats()
    assert (stats.tickets, stats.requests, stats.tokens_issued, client.tenant.connections) == (0, 0, 0, {})
    assert client.tenant.logs == []
    assert [client.create("acme").status_code for _ in range(3)] == [201, 201, 429]


def test_api_and_token_calls_have_latency_and_the_sandboxs_own_have_none(new_client: NewClient) -> None:
    client = new_client(latency=(0.3, 0.3))
    responses = [client.request_token(), client.create("a")]
    assert all(response.elapsed.total_seconds() >= 0.3 for response in responses)
    assert new_client(latency=(3600, 3600)).http.get("/_sandbox/stats").status_code == 200


def test_no_ticket_and_no_secret_is_logged_or_shown(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    url = client.ticket_url()
    client.http.get(url)
    client.revoke(url.partition("=")[2])
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
    shown = "".join(logged) + repr(client.tenant.tickets) + repr(client.tenant.requests)
    assert url.partition("=")[2] not in shown
    assert client.tenant.client_secret not in shown + repr(client.tenant.settings)


def test_the_command_prints_its_address_and_stops_on_sigterm() -> None:
    command = [sys.executable, "-m", "dev.sandbox", "--port", "0", "--latency", "0", "--plan", "professional"]
    variables = {"PYTHONPATH": str(ROOT), "SANDBOX_PLAN": "free", "SANDBOX_CLIENT_ID": "env-client"}
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stdout=pipe, stderr=pipe, text=True)
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address is not None, line
        stats = httpx.get(f"{address[0]}/_sandbox/stats").json()
        assert stats["plan"] == "professional"  # the option overrides the variable
        fields = {
            "grant_type": "client_credentials",
            "client_id": "env-client",
            "client_secret": "sandbox-secret-0000000000000000",
            "audience": f"{address[0]}/api/v2/",
        }
        assert httpx.post(f"{address[0]}/oauth/token", data=fields).status_code == 200
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=30)
        assert (output, errors, running.returncode) == ("", "", 0)
    finally:
        running.kill()
        running.wait()


def test_neither_help_nor_a_refused_option_or_setting_shows_the_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CLIENT_SECRET", "s3cret")
    for options, status in ((["--help"], 0), (["--latency", "fast"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(options)
        assert ended.value.code == status
    with pytest.raises(ValidationError) as refused:
        SandboxSettings(client_secret="s3cret", plan="gold")
    assert "s3cret" not in "".join(capsys.readouterr()) + str(refused.value)
