"""Each page in both themes and on a phone: nothing that axe finds, nothing wider than the screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from dev.local.airflow import LocalAirflow
from dev.local.background import PROJECT
from dev.sandbox.customers import play_customers
from dev.sandbox.server import Sandbox
from tests.browser.conftest import HOME, SCREENSHOTS, SignIn, make_links_older
from tests.e2e.runs import Run
from tests.support.prospects import csv_of
from tests.unit.include.prospects.inputs import workbook_of

SAMPLE = (PROJECT / "include" / "data" / "prospects.csv").read_text(encoding="utf-8").rstrip()
BAD = "\norg_beispiel000000009,Beispiel AG,IT desk,it@beispiel.example,,,beispiel.example,,five days,,"
NEW = "\norg_exempel0000000010,Exempel AB,IT desk,it@exempel.example,,,exempel.example,,,,"
LOOKS: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 1280), ("light", 390)]
SEED = 3
QUESTIONS = {"columns question": "crm.xlsx", "sheet question": "sheets.xlsx", "encoding question": "names.csv"}
PAGES = [
    *("new batch", "preview", *QUESTIONS, "runs", "run", "waiting run", "rows", "report", "customers"),
    *("needs attention", "columns"),
    "refusal",
]


@pytest.fixture(scope="module")
def runs(airflow: LocalAirflow, shared_tenant: Sandbox) -> tuple[Run, Run]:
    """Return a run that has ended, whose customers have used their links, and one that waits for its approval."""
    api = airflow.api()
    conf = ({"prospects_csv": SAMPLE + BAD}, {"prospects_csv": csv_of(2, 2, "waiting"), "require_approval": True})
    ended, waiting = (Run(api, "create_sso_tickets", api.trigger("create_sso_tickets", one), HOME) for one in conf)
    ended.wait()
    make_links_older(HOME)
    play_customers(shared_tenant.url, seed=SEED)
    time.sleep(shared_tenant.settings.log_delay[1] + 1)
    Run(api, "follow_sso_setups", api.trigger("follow_sso_setups", {}), HOME).wait()
    return ended, waiting.wait_for(lambda: waiting.states().get("approve") == "awaiting_input")


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a CSV with a bad row, a new one, and prospects who have a valid link already.

    Beside it are files that something is asked about.
    """
    folder = tmp_path_factory.mktemp("look")
    file = folder / "customers.csv"
    file.write_text(SAMPLE + NEW + BAD, encoding="utf-8")
    header = ["Record ID", "Auth0 org", "Account Name", "Primary Contact", "Work Email", "Website", "Lifecycle Stage"]
    rows = [[row, f"org_look{row}", f"Look {row}", "Jo", "jo@look.example", "look.example", "Lead"] for row in range(9)]
    (folder / "crm.xlsx").write_bytes(workbook_of([header, *rows]))
    (folder / "sheets.xlsx").write_bytes(workbook_of([header], [header], titles=["Accounts", "Contacts"]))
    (folder / "names.csv").write_bytes("organization_id,organization_name\norg_1,Müller & Söhne\n".encode("cp1252"))
    return file


def show(page: Page, name: str, address: str, runs: tuple[Run, Run], upload: Path) -> None:
    of_run, of_waiting = (f"create_sso_tickets/{quote(run.run_id, safe='')}" for run in runs)
    paths = {
        "runs": "runs", "run": f"runs/{of_run}", "rows": f"runs/{of_run}/rows", "report": f"reports/{of_run}",
        "waiting run": f"runs/{of_waiting}", "customers": "customers", "columns": "columns",
        "needs attention": "customers",
    }  # fmt: skip
    page.goto(f"{address}/sso-tickets/{paths.get(name, 'batches/new')}")
    if name == "preview":
        page.locator("input[type=file]").set_input_files(upload)
        page.get_by_text("Options").click()
    if name in QUESTIONS:
        page.locator("input[type=file]").set_input_files(upload.with_name(QUESTIONS[name]))
        page.get_by_text("Why this is asked").click()
    if name == "customers":
        page.get_by_role("button", name="Reveal the link").first.click()
        page.locator(".url").wait_for()
        page.locator("details.confirm summary").first.click()
        page.get_by_text("Timeline of").first.click()
        page.locator(".moments li").first.wait_for()
    if name == "needs attention":
        page.get_by_role("button", name="Needs attention").click()
        page.locator("#part-needs_attention[aria-pressed=true]").wait_for()
        page.locator(".attention").first.wait_for()
    page.get_by_role("heading", level=1).first.wait_for()


def test_axe_finds_no_violation_and_a_phone_does_not_scroll_sideways(
    sign_in: SignIn, airflow: LocalAirflow, runs: tuple[Run, Run], upload: Path
) -> None:
    problems = []
    page = sign_in().page
    for name in PAGES:
        if name == "refusal":
            page = sign_in("vic").page
        show(page, name, airflow.url, runs, upload)
        for theme, width in LOOKS:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(page)
            if found.violations_count:
                problems.append(f"{name}, {theme}, {width}: {found.generate_report()}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                problems.append(f"{name} is wider than {width}")
            page.screenshot(path=SCREENSHOTS / f"{name.replace(' ', '-')}-{theme}-{width}.png")
    assert problems == []
