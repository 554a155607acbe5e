"""What became of the links: a crowd of customers uses them, a run finds out, and the next one decides by it."""

from __future__ import annotations

import csv
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from dev.local.api import AirflowApi
from dev.sandbox.customers import Customer
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import DEFAULT_SCOPES, SandboxSettings
from tests.e2e.runs import HOME, PACE, Run, Trigger, connect_to

HOUR = 3600.0
PROSPECTS = 40
ACTS: tuple[Callable[[Customer], None], ...] = (
    Customer.ignores_it,
    Customer.opens_it,
    Customer.opens_it_too_often,
    Customer.gives_up,
    Customer.waits_for_a_domain,
    Customer.finishes,
    Customer.opens_it,
    Customer.ignores_it,
)
"""What the customers do, one after the other, and from the beginning again."""
READING = tuple(scope for scope in DEFAULT_SCOPES if scope.startswith("read:"))


class MovedClock:
    """The machine's time, moved by an offset in seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@pytest.fixture
def crowd(airflow: AirflowApi, tenant: Sandbox) -> Iterator[Callable[..., tuple[Sandbox, MovedClock]]]:
    """Run a tenant whose time can be moved, and connect to it."""
    running = []

    def run(*scopes: str) -> tuple[Sandbox, MovedClock]:
        clock = MovedClock()
        granted = ("create:sso_access_tickets", "delete:sso_access_tickets", *scopes)
        settings = SandboxSettings(plan="private-500", latency=(0, 0), log_delay=(0, 0), scopes=granted)
        sandbox = Sandbox(settings, clock=clock)
        sandbox.start()
        running.append(sandbox)
        extra = {"profile_id": sandbox.profile_id, **PACE, "requests_per_slot": 50, "enabled_clients": ["client-1"]}
        connect_to(sandbox, airflow, extra=extra)
        return sandbox, clock

    yield run
    for sandbox in running:
        sandbox.stop()
    connect_to(tenant, airflow)


def csv_of_crowd() -> str:
    """Return a CSV of prospects, of whom all have a domain that must be verified."""
    head = "organization_id,organization_name,prospect_name,prospect_email,connection_name,domains"
    lines = (
        f"org_crowd{row:08},Company {row},Person {row},it@c{row}.example,crowd-{row},c{row}.example"
        for row in range(PROSPECTS)
    )
    return "\n".join([f"{head},domain_aliases_config.domain_verification", *(f"{line},required" for line in lines)])


def act_of(connection_name: str) -> Callable[[Customer], None]:
    return ACTS[int(connection_name.rpartition("-")[2]) % len(ACTS)]


def play(tenant: Sandbox, clock: MovedClock) -> None:
    """Let the links be seven hours old, and each customer act six hours ago."""
    with closing(sqlite3.connect(HOME / "sso_tickets.db")) as ledger, ledger:
        moved = ", ".join(f"{name} = {name} - {7 * HOUR}" for name in ("created_at", "requested_at", "expires_at"))
        ledger.execute(f"UPDATE sso_tickets SET {moved} WHERE tenant = ?", [tenant.domain])
    clock.offset = -6 * HOUR
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        for number, ticket in enumerate(tenant.tickets):
            act_of(str(ticket.connection_name))(Customer(http, ticket.id, "okta", number + 1))
    clock.offset = 0.0


def true_state(tenant: Sandbox, connection_name: str) -> str:
    """Return how far a setup has come by the tenant's own record."""
    found = [one for one in tenant.connections.values() if one.name == connection_name]
    if found and found[0].enabled:
        return "enabled"
    if found:
        return "waiting_for_domain" if found[0].pending_domains else "connected"
    opened = any(one.opens for one in tenant.tickets if one.connection_name == connection_name)
    return "opened" if opened else "not_opened"


def setups_of(run: Run) -> dict[str, dict[str, str]]:
    """Return the rows of ``setups.csv`` by connection."""
    with (run.report / "setups.csv").open(encoding="utf-8-sig", newline="") as lines:
        return {row["connection_name"]: row for row in csv.DictReader(lines)}


def statuses_by_act(run: Run) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in run.rows:
        found.setdefault(act_of(row["connection_name"]).__name__, set()).add(row["status"])
    return found


def create(trigger: Trigger, **conf: Any) -> Run:
    """Create the links of the crowd, in one mapped task."""
    return trigger(prospects_csv=csv_of_crowd(), max_mapped_tasks=1, **conf)


def prepare(trigger: Trigger, crowd: Callable[..., tuple[Sandbox, MovedClock]], *scopes: str) -> Sandbox:
    """Create the links of the prospects, and let their customers act."""
    tenant, clock = crowd(*scopes)
    clock.offset = -7 * HOUR
    assert create(trigger).summary["created"] == PROSPECTS
    play(tenant, clock)
    return tenant


def test_every_state_is_right_and_the_next_run_decides_by_it(trigger: Trigger, crowd: Any) -> None:
    tenant = prepare(trigger, crowd, *READING)
    followed = trigger("follow_sso_setups")
    assert followed.state == "success"
    setups = setups_of(followed)
    assert len(setups) == PROSPECTS
    assert {name: row["setup"] for name, row in setups.items()} == {name: true_state(tenant, name) for name in setups}
    assert {row["setup"] for row in setups.values()} == {"not_opened", "opened", "waiting_for_domain", "enabled"}
    funnel = followed.summary["funnel"]
    assert {name: funnel[name] for name in ("links", "opened", "connected", "waiting", "enabled")} == {
        "links": 40, "opened": 30, "connected": 15, "waiting": 10, "enabled": 5,
    }  # fmt: skip
    assert "ticket=" not in (followed.report / "setups.html").read_text()

    before = {ticket.connection_name: ticket.id for ticket in tenant.tickets}
    again = create(trigger, on_conflict="edit")
    assert again.state == "success"
    assert statuses_by_act(again) == {
        "ignores_it": {"reused"},
        "opens_it": {"created"},
        "opens_it_too_often": {"created"},
        "gives_up": {"created"},
        "waits_for_a_domain": {"created"},
        "finishes": {"finished"},
    }
    assert again.summary["duplicate_possible"] == 0
    made = {row["connection_name"]: row["ticket_id"] for row in again.rows if row["status"] == "created"}
    assert not set(made.values()) & set(before.values())
    edited = {one.id for one in tenant.tickets if "connection_id" in one.body}
    assert {name for name, ticket_id in made.items() if ticket_id in edited} == {
        name for name in setups if setups[name]["setup"] == "waiting_for_domain"
    }
    assert create(trigger).summary["reused"] == 35, "each has a link that works"


def test_with_the_connections_alone_it_is_known_which_exist(trigger: Trigger, crowd: Any) -> None:
    tenant = prepare(trigger, crowd, "read:connections")
    followed = trigger("follow_sso_setups")
    exist = {connection.name for connection in tenant.connections.values()}
    setups = setups_of(followed)
    assert {name: row["setup"] for name, row in setups.items()} == {
        name: "connected" if name in exist else "unknown" for name in setups
    }
    assert len(followed.summary["warnings"]) == 3, "a scope that is missing is said"
    assert create(trigger, on_conflict="edit").summary["reused"] == PROSPECTS


@pytest.mark.answers("all four scopes to read are missing")
def test_without_a_scope_nothing_is_read_and_all_is_as_before(trigger: Trigger, crowd: Any) -> None:
    prepare(trigger, crowd)
    followed = trigger("follow_sso_setups")
    assert (followed.state, followed.states()) == ("success", {"read_setups": "skipped", "export_report": "skipped"})
    assert "the token has none of the scopes read:logs" in followed.log("read_setups")
    assert create(trigger, on_conflict="edit").summary["reused"] == PROSPECTS
