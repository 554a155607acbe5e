"""Each page in both themes and on a phone: nothing that axe finds, nothing wider than the screen."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from dev.local.airflow import LocalAirflow
from dev.sandbox.server import Sandbox
from tests.browser.conftest import HOME, SCREENSHOTS, SignIn
from tests.e2e.runs import Run
from tests.support.prospects import csv_of

BAD = "\norg_bad000000,Bad,Bo,bo@bad.example\n,No id,Cy,cy@bad.example"
PAGES = ["new batch", "preview", "runs", "run", "waiting run", "rows", "report", "customers", "columns", "refusal"]


@pytest.fixture(scope="module")
def waiting(airflow: LocalAirflow, shared_tenant: Sandbox) -> Run:
    """Return a run that waits for its approval."""
    api = airflow.api()
    conf = {"prospects_csv": csv_of(2, 2, "waiting"), "require_approval": True}
    run = Run(api, "create_sso_tickets", api.trigger("create_sso_tickets", conf), HOME)
    return run.wait_for(lambda: run.states().get("approve") == "awaiting_input")


@pytest.fixture(scope="module")
def ended(airflow: LocalAirflow, shared_tenant: Sandbox) -> Run:
    api = airflow.api()
    conf = {"prospects_csv": csv_of(12, 5, "look") + BAD}
    return Run(api, "create_sso_tickets", api.trigger("create_sso_tickets", conf), HOME).wait()


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CSV with bad rows, and prospects who have a valid link already."""
    file = tmp_path_factory.mktemp("look") / "customers.csv"
    file.write_text(csv_of(20, 5, "look") + BAD)
    return file


def show(page: Page, name: str, address: str, ended: Run, waiting: Run, upload: Path) -> None:
    of_run = f"create_sso_tickets/{quote(ended.run_id, safe='')}"
    of_waiting = f"create_sso_tickets/{quote(waiting.run_id, safe='')}"
    paths = {
        "runs": "runs", "run": f"runs/{of_run}", "rows": f"runs/{of_run}/rows", "report": f"reports/{of_run}",
        "waiting run": f"runs/{of_waiting}", "customers": "customers", "columns": "columns",
    }  # fmt: skip
    page.goto(f"{address}/sso-tickets/{paths.get(name, 'batches/new')}")
    if name == "preview":
        page.locator("input[type=file]").set_input_files(upload)
        page.get_by_text("Options").click()
    if name == "customers":
        page.get_by_role("button", name="Reveal the link").first.click()
        page.locator(".url").wait_for()
        page.locator("details.confirm summary").first.click()
    page.get_by_role("heading", level=1).first.wait_for()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_no_violation_and_a_phone_does_not_scroll_sideways(
    sign_in: SignIn, airflow: LocalAirflow, ended: Run, waiting: Run, upload: Path, theme: str, width: int
) -> None:
    problems = []
    page = sign_in(theme=theme, width=width).page
    for name in PAGES:
        if name == "refusal":
            page = sign_in("vic", theme=theme, width=width).page
        show(page, name, airflow.url, ended, waiting, upload)
        found = Axe().run(page)
        if found.violations_count:
            problems.append(f"{name}: {found.generate_report()}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{name} is wider than {width}")
        page.screenshot(path=SCREENSHOTS / f"{name.replace(' ', '-')}-{theme}-{width}.png")
    assert problems == []
