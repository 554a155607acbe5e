"""A person's way through the pages, in Airflow's UI."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import FrameLocator, expect

from dev.sandbox.customers import Customer
from dev.sandbox.server import Sandbox
from tests.browser.conftest import HOME, Person, SignIn, StartRun, make_links_older
from tests.e2e.runs import Run, refuse_for_now
from tests.support.prospects import csv_of
from tests.unit.include.prospects.inputs import workbook_of

HEAD = "organization_id,organization_name,prospect_name,connection_name,domains,assign_membership_on_login"
GOOD = [f"org_way{row // 2:07d},Org {row // 2},Person {row},way-{row},,true" for row in range(6)]
BAD = ["org_way0000004,Org 4,Person 6,way-6,not a domain,true", "org_way0000005,Org 5,Person 7,way-7,,maybe"]
MISSING = ",Org 6,Person 8,way-8,,true"


def choose(person: Person, frame: FrameLocator, file: Path) -> None:
    with person.page.expect_file_chooser() as chooser:
        frame.get_by_text("Drop a file here, or choose one").click()
    chooser.value.set_files(file)


def tickets_of(run: Run) -> dict[int, str]:
    """Return the links by row, as Airflow's API has them."""
    mapped = [task["map_index"] for task in run.tasks("create_tickets")]
    found = [run.api.xcom(run.dag_id, run.run_id, "create_tickets", map_index=index) for index in mapped]
    return {one["row"]: one["ticket_url"] for task in found for org in task for one in org["tickets"]}


def link_of(frame: FrameLocator, row: int) -> str:
    frame.get_by_role("button", name=f"Reveal the link of row {row}", exact=True).click()
    return str(frame.locator(f"#row-{row} .url").inner_text())


def test_from_the_login_to_a_copied_link_in_six_clicks(sign_in: SignIn, tenant: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "prospects.csv"
    file.write_text(csv_of(4, 2, "six"))
    person = sign_in()
    frame = person.open()
    choose(person, frame, file)
    frame.get_by_role("button", name="Create 4 links").click()
    link = link_of(frame, 3)
    frame.get_by_role("button", name="Copy the link of row 3", exact=True).click()
    frame.get_by_text("The link of row 3 is copied.").wait_for()
    assert len(person.presses) <= 6
    assert person.paste(frame.get_by_label("Search")) == link == tickets_of(person.run())[3]
    assert tenant.stats().tickets == 4


def test_bad_rows_are_named_and_fixed_and_the_progress_ends_in_the_report(
    sign_in: SignIn, tenant: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "prospects.csv"
    file.write_text("\n".join([HEAD, *GOOD, *BAD, MISSING]))
    person = sign_in()
    frame = person.open()
    choose(person, frame, file)
    frame.get_by_role("heading", name="6 prospects of 3 organizations, 3 rows to fix").wait_for()
    frame.get_by_role("link", name="Show only the 3 rows to fix").click()
    frame.get_by_role("heading", name="Rows to fix").wait_for()
    shown = frame.locator("tbody tr.invalid")
    expect(shown).to_contain_text(["domains", "assign_membership_on_login", "organization_id"])
    with person.page.expect_download() as problems:
        frame.get_by_role("link", name="Download all problems").click()
    with Path(problems.value.path()).open(encoding="utf-8-sig") as saved:
        assert sorted({line["row"] for line in csv.DictReader(saved)}) == ["7", "8", "9"]

    frame.get_by_role("link", name="Upload the fixed file").click()
    file.write_text("\n".join([HEAD, *GOOD]))
    refuse_for_now(tenant, "way-5")
    choose(person, frame, file)
    frame.get_by_role("button", name="Create 6 links").click()
    bar = frame.get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("value", "5")
    expect(bar).to_have_attribute("max", "6")
    tenant.clear_faults()
    frame.get_by_role("heading", name="6 of 6 prospects have a link").wait_for()

    frame.get_by_label("Organization", exact=True).select_option("Org 1 (2)")
    expect(frame.locator("tbody tr")).to_have_count(2)
    links = tickets_of(person.run())
    assert {row: link_of(frame, row) for row in (3, 4)} == {row: links[row] for row in (3, 4)}
    with person.page.expect_download() as tickets:
        frame.get_by_role("link", name="CSV").click()
    with Path(tickets.value.path()).open(encoding="utf-8-sig") as saved:
        assert {int(line["row"]): line["ticket_url"] for line in csv.DictReader(saved)} == links
    frame.get_by_role("link", name="Runs").click()
    expect(frame.locator("tbody tr").first).to_contain_text("6 created")
    expect(frame.locator("tbody tr").first).to_contain_text("ann")


def test_an_export_of_a_crm_is_mapped_once_in_four_clicks_and_its_report_has_the_tenants_links(
    sign_in: SignIn, tenant: Sandbox, tmp_path: Path
) -> None:
    unused = [f"Field {number}" for number in range(24)]
    header = ["Record ID", "Auth0 org", "Account Name", "Primary Contact", "Work Email", "Website", *unused]
    records = [
        [row, f"org_crm{row:07d}", f"Crm {row}", f"Person {row}", f"it{row}@crm.example", f"https://crm{row}.example/"]
        for row in range(3)
    ]
    file = tmp_path / "accounts.xlsx"
    file.write_bytes(workbook_of([["All accounts"], [], header, *([*record, *unused] for record in records)]))
    person = sign_in()
    frame = person.open()
    choose(person, frame, file)
    frame.get_by_role("heading", name="Which column is which?").wait_for()
    expect(frame.locator("tbody tr")).to_have_count(30)
    before = len(person.presses)
    frame.get_by_role("button", name="Check the rows").click()
    assert len(person.presses) - before <= 4
    frame.get_by_role("button", name="Create 3 links").click()
    frame.get_by_role("heading", name="3 of 3 prospects have a link").wait_for()
    links = tickets_of(person.run())
    assert {row: link_of(frame, row) for row in (1, 2, 3)} == links
    bodies = [ticket.body for ticket in tenant.tickets]
    assert {ticket.id for ticket in tenant.tickets} == {link.rpartition("=")[2] for link in links.values()}
    domains = sorted(body["domain_aliases_config"]["pending_domains"][0] for body in bodies)
    assert domains == [f"crm{row}.example" for row in range(3)]

    frame.get_by_role("link", name="New batch").click()
    choose(person, frame, file)
    frame.get_by_role("heading", name="3 prospects of 3 organizations").wait_for()
    frame.get_by_text("How this file is read").click()
    expect(frame.locator("pre")).to_contain_text('"Account Name": "organization_name"')


def test_a_customer_gets_another_link_and_the_link_of_another_one_is_revoked(
    sign_in: SignIn, tenant: Sandbox, start_run: StartRun
) -> None:
    first = tickets_of(start_run(prospects_csv=csv_of(2, 2, "customers")))
    person = sign_in()
    frame = person.open("Customers")
    frame.get_by_label("Organization, person, address or connection").fill("customers desk0")
    expect(frame.locator("tbody tr")).to_have_count(1)
    frame.get_by_role("button", name="Reveal the link").click()
    assert frame.locator(".url").inner_text() == first[1]
    frame.get_by_role("button", name="Reissue the link").click()
    frame.get_by_role("button", name="Replace 1 link").click()
    second = link_of(frame, 1)
    assert second != first[1]
    assert tickets_of(person.run()) == {1: second}

    frame.get_by_role("link", name="Customers").click()
    row = frame.locator("tbody tr", has_text="customers 1")
    row.get_by_text("Revoke the link of").click()
    row.get_by_role("button", name="Revoke now").click()
    frame.get_by_role("heading", name="1 of 1 link is no longer valid").wait_for()
    frame.get_by_role("link", name="Customers").click()
    expect(row).to_contain_text("revoked")
    expect(row.get_by_role("button", name="Reveal the link")).to_have_count(0)
    assert tenant.stats().revoked == 2
    audit = person.airflow.api().get("/api/v2/eventLogs?event=sso_ticket_revealed")["event_logs"]
    assert [(entry["owner"], first[1] in str(entry)) for entry in audit] == [("ann", False)]


def test_the_funnel_leads_to_a_customer_who_gets_a_link_to_finish(
    sign_in: SignIn, tenant: Sandbox, start_run: StartRun
) -> None:
    start_run(prospects_csv=csv_of(3, 3, "funnel"))
    make_links_older(HOME)
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        customer = Customer(http, tenant.tickets[0].id, "okta", 1)
        customer.gives_up()
        customer.opens_it_too_often()
    time.sleep(tenant.settings.log_delay[1] + 1)
    start_run("follow_sso_setups")
    person = sign_in()
    frame = person.open("Customers")
    with person.page.expect_response("**/sso-tickets/customers"):  # or it would replace what is unfolded below
        frame.get_by_label("Organization, person, address or connection").fill("funnel")
    frame.get_by_role("button", name="Connected 1").click()
    expect(frame.get_by_role("button", name="Connected 1")).to_have_attribute("aria-pressed", "true")
    row = frame.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("used up")
    row.get_by_text("Timeline of").click()
    expect(row.locator(".moments li").filter(has_text="The connection was created")).to_have_count(1)
    with person.page.expect_download() as table:
        frame.get_by_role("button", name="Download them as CSV").click()
    with Path(table.value.path()).open(encoding="utf-8-sig") as saved:
        assert [(line["link"], line["setup"]) for line in csv.DictReader(saved)] == [("used_up", "connected")]

    row.get_by_role("button", name="Create a link to finish").click()
    frame.get_by_text("create a link to finish the connection that exists").wait_for()
    frame.get_by_role("button", name="Create 1 link").click()
    frame.get_by_role("heading", name="1 of 1 prospect has a link").wait_for()
    assert [tenant.tickets[-1].body["connection_id"]] == list(tenant.connections)


def test_a_plan_is_read_and_approved(sign_in: SignIn, tenant: Sandbox) -> None:
    person = sign_in()
    frame = person.open()
    frame.get_by_text("Paste rows instead").click()
    frame.get_by_label("Rows, with the columns' names in the first line").fill(csv_of(3, 2, "plan"))
    frame.get_by_role("button", name="Check", exact=True).click()
    frame.get_by_text("Options").click()
    frame.get_by_label("A person approves the plan first").check()
    frame.get_by_role("button", name="Create 3 links").click()
    frame.get_by_text("A person has to approve the plan.").wait_for()
    frame.get_by_role("link", name="Show the rows of the plan").click()
    expect(frame.locator("tbody tr")).to_have_count(3)
    assert tenant.stats().tickets == 0
    frame.get_by_role("link", name="Back to the run").click()
    run = person.run()
    run.wait_for(lambda: run.has_parked("approve"))
    frame.get_by_role("link", name="Approve or reject the plan").click()
    person.page.get_by_text("Prospects: 3, organizations: 2, to create: 3").first.wait_for()
    person.page.get_by_role("button", name="Approve", exact=True).click()
    assert run.wait().state == "success"
    assert tenant.stats().tickets == 3


def test_a_run_is_triggered_by_airflows_own_form_with_a_pasted_csv(sign_in: SignIn, tenant: Sandbox) -> None:
    person = sign_in()
    page = person.page
    page.goto(f"{person.airflow.url}/dags/create_sso_tickets")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("button", name="Prospects").click()
    page.locator("[name=element_prospects_csv]").fill(csv_of(3, 3, "form"))
    page.get_by_role("button", name="Advanced", exact=True).click()
    page.locator("[name=element_max_mapped_tasks]").fill("2")
    api = person.airflow.api()
    before = api.get("/api/v2/dags/create_sso_tickets/dagRuns?limit=1")["total_entries"]
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    assert api.get("/api/v2/dags/create_sso_tickets/dagRuns?limit=1")["total_entries"] == before + 1
    run = person.run()
    assert run.wait().state == "success"
    assert run.summary["created"] == tenant.stats().tickets == 3
    assert len(run.tasks("create_tickets")) == 2


def test_who_may_only_look_is_offered_nothing_else(sign_in: SignIn, tenant: Sandbox, start_run: StartRun) -> None:
    start_run(prospects_csv=csv_of(1, 1, "viewer"))
    person = sign_in("vic")
    frame = person.open()
    frame.get_by_role("heading", name="Runs").wait_for()
    navigation = frame.get_by_role("navigation", name="SSO tickets")  # a run that follows leads there, too
    navigation.get_by_role("link", name="Customers").click()
    frame.get_by_role("button", name="Reveal the link").first.wait_for()
    expect(frame.get_by_role("button", name="Reissue")).to_have_count(0)
    expect(frame.locator("details.confirm")).to_have_count(0)  # what asks before it revokes
    frame.get_by_role("link", name="New batch").click()
    frame.get_by_role("heading", name="This page can't be shown").wait_for()
    answer: Any = person.page.request.post(
        f"{person.airflow.url}/sso-tickets/batches", multipart={"text": "organization_id"}
    )
    assert answer.status == 403
