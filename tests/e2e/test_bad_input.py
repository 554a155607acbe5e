"""What a run comes to when its CSV is bad throughout, empty, or full of texts that something might obey."""

from __future__ import annotations

from include.sandbox.server import Sandbox
from tests.e2e.runs import Trigger, rested

HOSTILE_NAMES = [
    "{{ 1 / 0 }}",
    "{% include 'x' %}{{ conn.auth0_default.password }}",
    "=HYPERLINK(1)",
    "<script>alert(1)</script>",
    "../../escaped",
    "batch.json",
]


def test_a_csv_of_only_bad_rows_ends_green_with_a_report_and_nothing_is_sent(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(prospects_csv="organization_id,ttl_sec\nbad id,\norg_1,soon\n,9\n")
    assert run.state == "success"
    assert tenant.stats().tickets == 0
    assert (run.summary["rows"], run.summary["invalid"]) == (3, 3)
    assert [row["status"] for row in run.rows] == ["invalid"] * 3
    assert {ti["state"] for ti in run.tasks("create_tickets")} == {"skipped"}


def test_a_header_alone_fails_the_run_and_nothing_is_sent(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(prospects_csv="organization_id,organization_name\n\n,\n")
    assert run.state == "failed"
    assert tenant.stats().requests == 0
    assert "the input has no rows: below a first line that names the columns" in run.log("load_prospects")


def test_a_name_is_the_tasks_label_as_it_stands_and_nothing_obeys_it(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    rows = [f"org_hostile{number},{name},c{number}" for number, name in enumerate(HOSTILE_NAMES)]
    run = trigger(prospects_csv="\n".join(["organization_id,organization_name,connection_name", *rows]))
    assert run.state == "success"
    assert tenant.stats().tickets == len(HOSTILE_NAMES)
    assert [ti["rendered_map_index"] for ti in run.tasks("create_tickets")] == HOSTILE_NAMES
    assert [row["organization_name"] for row in run.rows] == HOSTILE_NAMES
