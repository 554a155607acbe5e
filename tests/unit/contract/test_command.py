"""``python -m tests.contract`` against a sandbox that stands for somebody's tenant, and against one that deviates."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.contract import __main__ as command
from tests.contract import consent
from tests.contract.client import MAX_REQUESTS
from tests.contract.connection import VARIABLE
from tests.contract.tenant import ORGANIZATION_VARIABLE
from tests.support import scan
from tests.support.waiting import wait_until
from tests.unit.contract.deviation import deviating

PROJECT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.contract"]
QUICK: dict[str, Any] = {"latency": (0, 0), "log_delay": (0, 0), "plan": Plan(size=1000, refill=1000)}

Ended = subprocess.CompletedProcess[str]


def environment(tenant: Sandbox, **variables: str) -> dict[str, str]:
    """Return the environment of the command, with a connection to a tenant."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SSO_TICKETS_")}
    connection = connection_env(tenant.url, tenant.settings)
    return {**inherited, "PYTHONPATH": str(PROJECT), **connection, **variables}


def confirmed(tenant: Sandbox, **variables: str) -> dict[str, str]:
    """Return the same, with the word that it is a test tenant."""
    return environment(tenant, **{consent.VARIABLE: tenant.domain, **variables})


def run(variables: Mapping[str, str]) -> Ended:
    """Run the command where nobody can be asked."""
    return subprocess.run(
        COMMAND, cwd=PROJECT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@contextmanager
def deviating_tenant(statuses: Mapping[int, int], **settings: Any) -> Iterator[Sandbox]:
    """Run a tenant that answers with other statuses."""
    tenant = Sandbox(SandboxSettings(**{**QUICK, **settings}))
    with deviating(statuses):
        tenant.start()
    yield tenant
    tenant.stop()


def row(ended: Ended, statement: str) -> str:
    """Return what the table says of a statement, in one line."""
    rows = ended.stdout.split("|--")
    for one in rows:
        lines = [line.strip("|").split("|") for line in one.splitlines() if line.startswith("| ")]
        columns = [" ".join(" ".join(parts).split()) for parts in zip(*lines, strict=True)]
        if columns and columns[0] == statement:
            return " | ".join(columns[1:])
    return ""


def assert_shows_no_secret(ended: Ended, tenant: Sandbox) -> None:
    secrets = {**scan.tokens_of(tenant), **scan.tickets_of(tenant), "client secret": tenant.client_secret}
    assert tenant.tickets
    assert scan.find(secrets, {"output": (ended.stdout + ended.stderr).encode()}) == set()


def states(tenant: Sandbox) -> set[str]:
    return {ticket.state for ticket in tenant.tickets}


@pytest.fixture(scope="module")
def tenant() -> Iterator[Sandbox]:
    """Return a tenant that has every scope and two connections."""
    with Sandbox(SandboxSettings(**QUICK, connections={"con_1": "acme", "con_2": "globex"})) as one:
        yield one


@pytest.fixture(scope="module")
def ended(tenant: Sandbox) -> Ended:
    return run(confirmed(tenant, **{ORGANIZATION_VARIABLE: "org_1"}))


def test_a_tenant_that_is_as_stated_is_exit_code_0_without_differences(tenant: Sandbox, ended: Ended) -> None:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "differ: 0, were not checked: 0" in ended.stdout
    assert "All documented statements that were checked hold." in ended.stdout
    assert_shows_no_secret(ended, tenant)


def test_it_says_first_what_it_does(tenant: Sandbox, ended: Ended) -> None:
    told, _, _ = ended.stdout.partition("Statements that")
    assert told.startswith(f"The contract suite is about to run against the tenant {tenant.domain}:")


def test_it_sends_what_it_says_and_no_more_than_the_budget(tenant: Sandbox, ended: Ended) -> None:
    seen = tenant.stats()
    sent = seen.requests + seen.token_requests
    assert f"Requests: {sent} of at most {MAX_REQUESTS}." in ended.stdout
    assert 0 < sent <= MAX_REQUESTS


def test_it_opens_no_link_creates_no_connection_and_revokes_every_link_of_its_one_name(
    tenant: Sandbox, ended: Ended
) -> None:
    assert ended.returncode == 0
    assert set(tenant.connections) == {"con_1", "con_2"}
    assert {ticket.connection_name for ticket in tenant.tickets} == {"sso-tickets-contract-test"}
    assert {ticket.opens for ticket in tenant.tickets} == {0}
    assert {ticket.body["ttl_sec"] for ticket in tenant.tickets} == {60}
    assert states(tenant) == {"revoked"}


def test_it_names_what_is_left_out_and_why(ended: Ended) -> None:
    _, _, listed = ended.stdout.partition(
        "Left out, since a customer must open a link, and the suite opens none of a tenant:"
    )
    assert "- a link is opened ten times and then refused\n" in listed


@pytest.fixture(scope="module")
def deviated() -> Iterator[tuple[Sandbox, Ended]]:
    """Return a tenant that answers 200 in place of 201 and 400 in place of 404, and what the command says of it."""
    with deviating_tenant({201: 200, 404: 400}) as tenant:
        yield tenant, run(confirmed(tenant))


def test_a_documented_statement_that_does_not_hold_is_shown_and_exit_code_1(deviated: tuple[Sandbox, Ended]) -> None:
    _, ended = deviated
    assert ended.returncode == 1
    said = row(ended, "a link is 201 and the body has only its url")
    assert said == "documented | (201, {'ticket': 'text'}) | (200, {'ticket': 'text'})"
    assert "Not all documented statements hold, or some could not be checked." in ended.stdout


def test_a_difference_shows_no_secret_and_its_links_are_revoked(deviated: tuple[Sandbox, Ended]) -> None:
    tenant, ended = deviated
    assert_shows_no_secret(ended, tenant)
    assert states(tenant) == {"revoked"}


def test_an_assumption_that_differs_is_shown_with_its_reason_and_is_no_failure() -> None:
    with deviating_tenant({404: 400}, scopes=("create:sso_access_tickets",)) as tenant:
        ended = run(confirmed(tenant))
        assert states(tenant) == {"live"}
    assert ended.returncode == 0
    said = row(ended, "an unknown profile is 404 without an error code")
    assert said.startswith("assumption: the API's page lists no 404 | (404, {")
    assert "(400, {" in said
    assert "differ: 1, were not checked: 0" in ended.stdout
    for scope in consent.OPTIONAL_SCOPES:
        assert f"the application lacks the scope {scope}" in ended.stdout
    assert "Links: 2, of which 0 are revoked." in ended.stdout
    assert "ends by itself, 60 seconds after it was made" in ended.stdout


def test_a_statement_that_can_not_be_checked_is_shown_and_exit_code_1() -> None:
    with Sandbox(SandboxSettings(**QUICK, scopes=("create:sso_access_tickets",))) as tenant:
        tenant.fault("drop_before", count=MAX_REQUESTS)
        ended = run(confirmed(tenant))
    assert ended.returncode == 1
    said = row(ended, "a second link for the same name is another one")
    assert said.endswith("not checked: POST …/sso-ticket has no answer: RemoteProtocolError.")


def test_ctrl_c_ends_it_and_the_links_are_revoked() -> None:
    with Sandbox(SandboxSettings(**{**QUICK, "log_delay": (600, 600)})) as tenant:
        process = subprocess.Popen(
            COMMAND, cwd=PROJECT, env=confirmed(tenant), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        wait_until(lambda: tenant.tickets, seconds=60)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        assert states(tenant) == {"revoked"}
    assert process.returncode == 130
    assert "Interrupted." in output


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Mapping[str, str]], str]:
    """Run the command in this process where nobody can be asked, and return what it prints; it must end with 2."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run_here(variables: Mapping[str, str]) -> str:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert command.main() == 2
        return capsys.readouterr().out

    return run_here


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({consent.VARIABLE: ""}, f"confirm the test tenant with {consent.VARIABLE}=127.0.0.1:"),
        ({consent.VARIABLE: "acme.eu.auth0.com"}, "the connection leads to 127.0.0.1:"),
        ({VARIABLE: ""}, f"Set {VARIABLE}"),
        ({ORGANIZATION_VARIABLE: "../x"}, "must be the id of an organization"),
    ],
    ids=["nobody to ask", "another host", "no connection", "no organization's id"],
)
def test_what_is_refused_is_exit_code_2_and_nothing_is_sent(
    tenant: Sandbox, call: Callable[[Mapping[str, str]], str], change: dict[str, str], said: str
) -> None:
    before = tenant.stats()
    output = call(confirmed(tenant, **change))
    assert "Nothing was checked. " in output
    assert said in output
    assert tenant.stats() == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"client_secret": "another"}, "The tenant gives no token: 401 access_denied: Unauthorized."),
        ({"scopes": ("read:logs",)}, "The application lacks the scope create:sso_access_tickets."),
    ],
    ids=["a wrong secret", "no scope"],
)
def test_an_application_that_can_not_make_links_is_exit_code_2(
    call: Callable[[Mapping[str, str]], str], settings: dict[str, Any], said: str
) -> None:
    with Sandbox(SandboxSettings(**QUICK, **settings)) as tenant:
        variables = confirmed(tenant)
        variables[VARIABLE] = variables[VARIABLE].replace('"another"', '"wrong"')
        assert said in call(variables)
        assert tenant.requests == []


def test_a_person_at_a_terminal_is_asked_and_another_host_is_refused(tenant: Sandbox) -> None:
    before = tenant.stats()
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        COMMAND, cwd=PROJECT, env=environment(tenant), stdin=other_end, stdout=subprocess.PIPE, text=True
    )
    os.write(terminal, b"acme.eu.auth0.com\n")
    output, _ = process.communicate(timeout=60)
    os.close(terminal)
    os.close(other_end)
    assert process.returncode == 2
    assert "Type the host of the tenant to go on: " in output
    assert "That is not the host" in output
    assert tenant.stats() == before


ON_THE_SANDBOX = """
import sys, pytest
from tests.unit.contract.deviation import deviating
with deviating({201: 299, 202: 299}):
    sys.exit(pytest.main(["-p", "no:cacheprovider", "--tb=long", "--showlocals", "-vv", *sys.argv[1:]]))
"""


def test_on_the_suites_own_sandbox_every_difference_fails_and_no_failure_shows_a_secret() -> None:
    files = [f"tests/contract/test_{name}.py" for name in ("tickets", "token", "edit_tickets")]
    command = [sys.executable, "-c", ON_THE_SANDBOX, *files]
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 1
    for statement in ("a_link_is_201", "a_second_link", "a_revocation_is_202", "an_edit_link_needs_only"):
        assert re.search(rf"FAILED \S+::test_{statement}", output), statement
    secrets = r"ticket=\w+|\beyJ[\w-]+\.|\b(?!0{32})[A-Za-z0-9]{32}\b|sandbox-secret"
    assert re.findall(secrets, output) == []
