"""A run that follows the setups reports how far the customers have come, and only reads."""

from __future__ import annotations

import httpx

from dev.sandbox.customers import Customer
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.integration.runs import Connect, Run, Trigger
from tests.support.prospects import csv_of

DAG = "follow_sso_setups"


def states(run: Run, name: str) -> list[tuple[str, str]]:
    """Return organization and state of the prospects whose organizations have a name in common."""
    rows = [row for row in run.setups if row["organization_id"].startswith(f"org_{name}")]
    return sorted((row["organization_name"], row["setup"]) for row in rows)


def test_what_customers_have_done_with_their_links_is_in_the_report(trigger: Trigger, tenant: Sandbox) -> None:
    created = trigger(prospects_csv=csv_of(3, 3, "follow"), enabled_clients=["client-1"])
    by_organization = {ticket.organization_ids[0]: ticket.id for ticket in tenant.tickets}
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        Customer(http, by_organization["org_follow00001"], "okta", 1).gives_up()
        Customer(http, by_organization["org_follow00002"], "okta", 1).finishes()
    written = len(tenant.logs)

    run = trigger(DAG)
    assert (run.state, run.states("read_setups"), run.states("export_report")) == ("success", ["success"], ["success"])
    assert states(run, "follow") == [
        ("follow 0", "not_opened"),
        ("follow 1", "connected"),
        ("follow 2", "enabled"),
    ]
    assert (run.summary["setups"]["enabled"], run.summary["warnings"]) == (1, [])
    assert run.summary["requests"] > 0
    assert len(tenant.logs) == written, "nothing was changed"
    assert {seen.method for seen in tenant.requests if "sso-ticket" not in seen.path} == {"GET"}
    contents = b"".join(path.read_bytes() for path in run.report.iterdir() if path.suffix != ".xlsx").decode()
    assert not any(row["ticket_id"] in contents for row in created.rows)


def test_a_dry_run_reports_what_was_known_and_sends_nothing(trigger: Trigger, tenant: Sandbox) -> None:
    trigger(prospects_csv=csv_of(1, 1, "before"))
    before = len(tenant.requests)
    run = trigger(DAG, dry_run=True)
    assert (run.state, len(tenant.requests)) == ("success", before)
    assert states(run, "before") == [("before 0", "unknown")]
    assert run.summary["warnings"] == ["Dry run: nothing was read, so this is what the ledger knew before."]


def test_without_a_scope_that_reads_the_run_is_skipped_and_says_which_there_are(
    trigger: Trigger, connect: Connect
) -> None:
    with Sandbox(SandboxSettings(latency=(0, 0), scopes=("create:sso_access_tickets",))) as tenant:
        connect(host=tenant.url)
        run = trigger(DAG)
        assert tenant.requests == []
    assert (run.states("read_setups"), run.states("export_report")) == (["skipped"], ["skipped"])
    assert "none of the scopes read:logs, read:connections" in run.log


def test_a_parameter_that_is_not_known_stops_it(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(DAG, dryrun=True)
    assert (run.state, tenant.requests) == ("failed", [])
    assert "did you mean 'dry_run'?" in run.log
