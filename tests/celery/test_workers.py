"""300 organizations on two workers: the tenant's limit is used and kept, and a kill loses nothing."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from auth0_sso.ledger.store import open_ledger

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.traffic import bucket_needed, each_second
from tests.celery.figures import Figures
from tests.celery.stack import PACE, PARTS, SLOTS, WORKERS, Stack
from tests.chaos.audit import Audit, audit
from tests.support.prospects import csv_of
from tests.support.services.second_client import SecondClient
from tests.support.waiting import wait_until

ORGANIZATIONS = 300
_RUN_SECONDS = 300.0
_DOWN_SECONDS = 3.0


def test_two_workers_use_the_rate_and_never_exceed_it(stack: Stack, tenant: Sandbox, figures: list[Figures]) -> None:
    run_id = stack.trigger(tenant, _csv("alone"))
    assert stack.wait(run_id, _RUN_SECONDS) == "success"
    figures.append(_figures("alone", stack, tenant, run_id))
    assert {task["hostname"] for task in stack.tasks(run_id)} == set(WORKERS)
    assert figures[-1].tickets == ORGANIZATIONS
    assert figures[-1].refused == 0
    assert figures[-1].bucket <= SLOTS * PACE["burst_per_slot"]
    _require_complete(_audit(stack, tenant, run_id))


def test_beside_a_client_that_takes_half_of_the_rate(stack: Stack, tenant: Sandbox, figures: list[Figures]) -> None:
    with SecondClient(tenant, tenant.settings.limit.refill / 2) as other:
        run_id = stack.trigger(tenant, _csv("shared"))
        assert stack.wait(run_id, _RUN_SECONDS) == "success"
    figures.append(_figures("half taken by others", stack, tenant, run_id, other))
    assert figures[-1].tickets == ORGANIZATIONS
    assert figures[-1].refused < figures[-1].requests / 100
    assert figures[-1].others_refused < figures[-1].others / 20
    _require_complete(_audit(stack, tenant, run_id))


@pytest.mark.parametrize("part", PARTS)
def test_a_kill_in_mid_run_loses_nothing(part: str, stack: Stack, tenant: Sandbox, figures: list[Figures]) -> None:
    run_id = stack.trigger(tenant, _csv(part.replace("-", "")))
    wait_until(lambda: tenant.stats().tickets >= ORGANIZATIONS / 3, _RUN_SECONDS)
    stack.kill(part)
    time.sleep(_DOWN_SECONDS)
    stack.start(part)
    assert stack.wait(run_id, _RUN_SECONDS) == "success"
    figures.append(_figures(f"{part} killed", stack, tenant, run_id))
    assert figures[-1].refused == 0
    _require_complete(_audit(stack, tenant, run_id))


def _csv(name: str) -> str:
    return csv_of(ORGANIZATIONS, ORGANIZATIONS, name)


def _audit(stack: Stack, tenant: Sandbox, run_id: str) -> Audit:
    rows = stack.rows(run_id)
    with closing(open_ledger(stack.ledger_url)) as ledger:
        known = {entry.ticket.ticket_id for entry in ledger.live_entries() if entry.ticket}
    return audit([row["organization_id"] for row in rows], tenant.tickets, rows, known, {})


def _require_complete(found: Audit) -> None:
    assert found.with_ticket == ORGANIZATIONS
    assert (found.lost, found.duplicates, found.unknown) == (0, 0, 0)


def _figures(name: str, stack: Stack, tenant: Sandbox, run_id: str, other: SecondClient | None = None) -> Figures:
    seen, refill = tenant.stats(), tenant.settings.limit.refill
    others, others_refused = (other.answers.total(), other.answers[429]) if other else (0, 0)
    times = [request.monotonic for request in tenant.requests if request.accepted]
    seconds = max(times) - min(times)
    return Figures(
        name=name,
        tickets=seen.tickets,
        requests=seen.requests - others,
        refused=seen.rate_limited - others_refused,
        others=others,
        others_refused=others_refused,
        bucket=bucket_needed(times, refill),
        seconds=seconds,
        used=len(times) / seconds / refill,
        each_second=each_second(times, min(times)),
        flagged=sum(row["duplicate_possible"] for row in stack.rows(run_id)),
    )
