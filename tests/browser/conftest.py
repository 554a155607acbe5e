"""Headless Chromium; and for the pages in Airflow's UI, a real Airflow with three users and a sandbox tenant."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FrameLocator, Page, expect, sync_playwright

from dev.local.airflow import POOL, LocalAirflow
from dev.local.background import PROJECT
from dev.local.tenant import CONNECTION_VARIABLE, connection_fields
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.e2e.runs import PACE, SLOTS, Run

CHROMIUM = Path("/usr/bin/chromium")
HOME = PROJECT / ".airflow" / "browser"
SCREENSHOTS = HOME / "screenshots"
# Who may trigger DAGs, who may only look, and who may do all.
USERS = {"ann": "user", "vic": "viewer", "admin": "admin"}

SECONDS = 180  # a run takes ten on a quiet machine
expect.set_options(timeout=SECONDS * 1_000)

SignIn = Callable[..., "Person"]
StartRun = Callable[..., Run]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: install it with apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shared_tenant() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(plan="enterprise")) as sandbox:
        yield sandbox


@pytest.fixture
def tenant(shared_tenant: Sandbox, airflow: LocalAirflow) -> Sandbox:
    """Return a tenant that has received nothing; a run that a failed test has left is ended."""
    api = airflow.api()
    for state in ("running", "queued"):
        for run in api.get(f"/api/v2/dags/~/dagRuns?state={state}")["dag_runs"]:
            api.end(run["dag_id"], run["dag_run_id"])
    shared_tenant.clear_faults()
    shared_tenant.reset()
    return shared_tenant


@pytest.fixture(scope="session")
def airflow(shared_tenant: Sandbox) -> Iterator[LocalAirflow]:
    env = {
        CONNECTION_VARIABLE: json.dumps(connection_fields(shared_tenant.url, shared_tenant.settings, **PACE)),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "SSO_TICKETS_REPORTS": str(HOME / "reports"),
    }
    local = LocalAirflow(HOME, env=env)
    local.stop()  # one that a killed test run has left running
    local.remove()
    with local:
        local.api().set_pool(POOL, SLOTS)
        yield local


@pytest.fixture
def start_run(airflow: LocalAirflow) -> StartRun:
    """Run a DAG to its end by Airflow's API."""
    api = airflow.api()
    return lambda dag_id="create_sso_tickets", **conf: Run(api, dag_id, api.trigger(dag_id, conf), HOME).wait()


def make_links_older(home: Path, seconds: float = 3_600.0) -> None:
    """Let the links have been made earlier, so that who opens one is no mail scanner."""
    with closing(sqlite3.connect(home / "sso_tickets.db")) as ledger, ledger:
        for table in ("sso_tickets", "sso_issued_tickets"):
            ledger.execute(f"UPDATE {table} SET created_at = created_at - ?", [seconds])


@dataclass
class Person:
    """
    Somebody in front of Airflow's UI, who is logged in.

    :param presses: the elements on which they have pressed the mouse, the login's button included.
    """

    page: Page
    airflow: LocalAirflow
    presses: list[str]

    def open(self, name: str = "") -> FrameLocator:
        """Open the project's pages by Airflow's navigation, and one of them by their own; return their frame."""
        self.page.get_by_role("link", name="SSO tickets").first.click()
        frame = self.page.frame_locator("iframe")
        navigation = frame.get_by_role("navigation", name="SSO tickets")
        navigation.wait_for()
        if name:
            navigation.get_by_role("link", name=name, exact=True).click()
            frame.get_by_role("heading", name=name, level=1).wait_for()
        return frame

    def paste(self, field: Any) -> str:
        """Paste what was copied into a text field; return it."""
        field.fill("")
        field.focus()
        self.page.keyboard.press("Control+V")
        return str(field.input_value())

    def run(self) -> Run:
        """Return the latest run that creates tickets."""
        api = self.airflow.api()
        found = api.get("/api/v2/dags/create_sso_tickets/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
        return Run(api, "create_sso_tickets", found[0]["dag_run_id"], HOME)


@pytest.fixture
def sign_in(browser: Browser, airflow: LocalAirflow, request: pytest.FixtureRequest) -> Iterator[SignIn]:
    """
    Return a function that logs a user in; none of the pages may cause an error in the browser's console.

    What the user sees at the end of the test is kept as a screenshot.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        is_refusal = "status of 403" in message.text  # of a page that the user may not see
        if message.type == "error" and "/sso-tickets" in (url := message.location["url"]) and not is_refusal:
            errors.append(f"{url}: {message.text}")

    def as_user(name: str = "ann") -> Person:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        presses: list[str] = []
        context.expose_binding("pressed", lambda _source, what: presses.append(what))
        context.add_init_script("addEventListener('pointerdown', (e) => pressed(e.target.tagName), true)")
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1_000)
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(airflow.url)
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(json.loads((HOME / "passwords.json").read_text())[name])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="SSO tickets").first.wait_for()
        return Person(page, airflow, presses)

    yield as_user
    for context in contexts:
        context.pages[0].screenshot(path=SCREENSHOTS / f"end of {request.node.originalname}.png")
        context.close()
    assert errors == []
