"""Answers that are missing, incomplete, late or invalid; and refusals, which are final in any form."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp
import pytest
from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy
from auth0_sso.runtime.timeouts import MAX_AMBIGUOUS, MAX_ANSWER_BYTES

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect
from tests.unit.auth0_sso.fault_scenarios import scenarios

LOST = [  # the fault, and how many tickets exist after the second request
    ("error_before", {"status": 500}, 1),
    ("error_before", {"status": 502, "body": "html"}, 1),
    ("error_before", {"status": 503, "body": "bomb"}, 1),
    ("drop_before", {}, 1),
    ("error_after", {"status": 504, "body": "empty"}, 2),
    ("drop_after", {}, 2),
    ("stall", {"delay": 3.0, "route": "create"}, 2),
    ("odd_answer", {"status": 201, "body": "trickle", "delay": 0.2}, 2),
    ("odd_answer", {"status": 201, "body": "huge"}, 2),
]


@pytest.fixture(autouse=True)
def _timeout(request: pytest.FixtureRequest, tenant: Sandbox, connect: Connect) -> None:
    """Time out after a second where the fault is a late answer, else hardly."""
    details = getattr(request.node, "callspec", None)
    endless = details is None or any(word in str(details.params) for word in ("stall", "trickle"))
    connect(tenant, extra={"timeout": 1.0 if endless else 30})


@pytest.mark.answers("an answer is lost (5xx, dropped, killed in between)")
@pytest.mark.parametrize(("kind", "details", "tickets"), LOST, ids=str)
def test_a_request_without_a_valid_answer_is_sent_again_and_marked_as_possible_duplicate(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], tickets: int
) -> None:
    tenant.fault(kind, connection_name="connection-2", **details)
    outcomes = scenarios.fleet(ledger, 1, 3).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert scenarios.flagged(outcomes) == [2]
    assert outcomes[2]["attempts"] == 2
    expected = {"connection-1": 1, "connection-2": tickets, "connection-3": 1}
    assert Counter(ticket.connection_name for ticket in tenant.tickets) == expected
    assert (factories.posts(tenant), tenant.stats().token_requests) == (4, 1)
    reused = scenarios.fleet(ledger, 1, 3, attempt=factories.SECOND_RUN).run()
    assert (scenarios.statuses(reused), scenarios.flagged(reused)) == ({"reused"}, [2])


@pytest.mark.parametrize(
    ("kind", "details", "said"),
    [
        ("error_before", {"status": 500}, "Auth0 answered 500"),
        ("odd_answer", {"status": 201, "text": '{"ticket": 7}'}, "201 without a ticket"),
    ],
    ids=str,
)
def test_a_row_whose_answers_are_always_lost_is_sent_three_times_and_delays_no_other(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], said: str
) -> None:
    tenant.fault(kind, count=100, connection_name="connection-2", **details)
    tasks = scenarios.fleet(ledger, 1, 3)
    outcomes = tasks.run()
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert scenarios.flagged(outcomes) == [2]
    assert outcomes[2]["attempts"] == MAX_AMBIGUOUS
    assert said in outcomes[2]["error"]
    assert "ticket=" not in outcomes[2]["error"]
    assert factories.posts(tenant) == 2 + MAX_AMBIGUOUS
    with pytest.raises(Auth0TransientError, match=r"1 of 3 rows failed \(row \d\), 0 were not attempted"):
        tasks.issuers[0].raise_if_incomplete()


@pytest.mark.parametrize("kind", ["error_before", "drop_after"])
def test_a_tenant_that_answers_no_row_ends_the_try_after_the_retry_budget(
    ledger: Ledger, tenant: Sandbox, kind: Any
) -> None:
    tenant.fault(kind, count=10_000)
    tasks = scenarios.fleet(ledger, 1, 400, rate=50, burst=1, retry_budget=0.6)
    outcomes = tasks.run()
    sent = {row for row, outcome in outcomes.items() if outcome["attempts"]}
    assert len(sent) < 200
    assert {outcome["status"] for row, outcome in outcomes.items() if row not in sent} == {"not_attempted"}
    assert {outcomes[row]["status"] for row in sent} == {"failed"}
    assert scenarios.flagged(outcomes) == sorted(sent), "exactly those that were sent may have a ticket"


@pytest.mark.parametrize("body", ["huge", "bomb"])
def test_a_huge_answer_is_read_up_to_a_bound(
    ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    read, sizes = aiohttp.StreamReader.read, []

    async def measured(reader: aiohttp.StreamReader, most: int = -1) -> bytes:
        part = await read(reader, most)
        sizes.append(len(part))
        return part

    monkeypatch.setattr(aiohttp.StreamReader, "read", measured)
    tenant.fault("error_before", body=body)
    assert factories.statuses(scenarios.fleet(ledger, 1, 1).run()) == {"created": 1}
    assert MAX_ANSWER_BYTES < sum(sizes) < MAX_ANSWER_BYTES + 100_000


REFUSALS = [
    (400, {"message": "Payload validation error", "error_code": "invalid_body"}, "failed"),
    (409, {"message": "A connection with this name already exists."}, "conflict"),
    (409, {"error_code": "connection_conflict"}, "conflict"),
    (409, {"error_code": "custom_domain_conflict"}, "failed"),
    (409, {"body": "empty"}, "failed"),
    (409, {"body": "huge"}, "failed"),
    (400, {"body": "trickle", "delay": 0.2}, "failed"),
]


@pytest.mark.parametrize(("status", "details", "row_status"), REFUSALS, ids=str)
def test_a_refusal_is_final_in_its_run_while_other_rows_are_retried(
    ledger: Ledger, tenant: Sandbox, status: int, details: dict[str, Any], row_status: str
) -> None:
    tenant.fault("fail_match", connection_name="connection-1", status=status, **details)
    tenant.fault("error_before", count=100, connection_name="connection-2")
    for attempt in (1, 2):  # another row has the task retried
        tasks = scenarios.fleet(ledger, 1, 3)
        outcomes = tasks.run()
        assert [outcomes[row]["status"] for row in (1, 2, 3)] == [row_status, "failed", "created"]
        assert f"Auth0 answered {status}" in outcomes[1]["error"]
        assert scenarios.flagged(outcomes) == [2]
        assert sum(seen.connection_name == "connection-1" for seen in tenant.requests) == 1, f"at try {attempt}"
        with pytest.raises(Auth0TransientError) as raised:
            tasks.issuers[0].raise_if_incomplete()
        assert "retry" in repr(Auth0RetryPolicy().evaluate(raised.value, attempt, 3)).lower()
    cleared = RunAttempt(factories.FIRST_RUN.run, factories.FIRST_RUN.number + 4)
    scenarios.fleet(ledger, 1, 1, attempt=cleared).run()
    assert sum(seen.connection_name == "connection-1" for seen in tenant.requests) == 2, "a person has cleared the task"
