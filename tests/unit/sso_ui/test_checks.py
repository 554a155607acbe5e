"""Checks wait in line, and no session of Airflow's database is open while a page waits for anything else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.models.pool import Pool
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from sso_ui import airflow
from sso_ui.checks import line as lines
from sso_ui.checks import preview, processes
from sso_ui.checks.line import CheckLine
from sso_ui.data import ledger as ledgers
from sso_ui.data import report_files
from sso_ui.routes import batches

from include import create_tickets
from include.folders import relative_folder
from tests.support.prospects import csv_of, run_params
from tests.unit.sso_ui.conftest import DAG, RUN_ID, TABLES, SignIn
from tests.unit.sso_ui.test_customers import create
from tests.unit.sso_ui.test_reports import write

HERE = {"Origin": "http://testserver"}


class Gate:
    """Work that goes on once the gate is opened, and counts how much of it is under way."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = 0
        self.under_way = 0
        self.most = 0
        self._lock = threading.Lock()

    def work(self, result: str = "done") -> str:
        with self._lock:
            self.begun += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.opened.wait(30)
        with self._lock:
            self.under_way -= 1
        return result


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


def ask(line: CheckLine[str], key: str, work: Callable[[], str], seconds: float = 0.0) -> str | None:
    return asyncio.run(line.result(key, work, seconds=seconds))


def test_two_checks_run_at_once_and_the_third_waits_in_line(gate: Gate) -> None:
    line: CheckLine[str] = CheckLine()
    for key in "abc":
        assert ask(line, key, gate.work) is None
    until(lambda: gate.under_way == 2)
    assert [line.is_running(key) for key in "abc"] == [True, True, False]
    gate.opened.set()
    assert [ask(line, key, gate.work, 30) for key in "abc"] == ["done"] * 3
    assert (gate.begun, gate.most) == (3, 2)


def test_who_asks_again_gets_the_result_of_the_check_that_runs_already(gate: Gate) -> None:
    line: CheckLine[str] = CheckLine()
    assert ask(line, "a", gate.work) is None
    assert ask(line, "a", lambda: gate.work("another")) is None
    gate.opened.set()
    assert ask(line, "a", gate.work, 30) == "done"
    assert gate.begun == 1


def test_an_error_is_for_who_has_asked_and_the_next_check_runs() -> None:
    line: CheckLine[str] = CheckLine(at_once=1)

    def fail() -> str:
        raise processes.PreviewError(["no rows"])

    with pytest.raises(processes.PreviewError, match="no rows"):
        ask(line, "a", fail, 30)
    assert ask(line, "a", lambda: "checked again", 30) == "checked again"


def test_a_check_that_nobody_asks_for_any_more_is_not_started(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    line: CheckLine[str] = CheckLine(at_once=1)
    left: list[str] = []
    assert ask(line, "a", gate.work) is None
    until(lambda: gate.under_way == 1)
    assert ask(line, "left", lambda: left.append("begun") or "") is None  # type: ignore[func-returns-value]
    monkeypatch.setattr(lines, "ASKED_SECONDS", -1.0)
    gate.opened.set()
    until(lambda: not line._checks.get("left"))
    monkeypatch.undo()
    assert ask(line, "b", gate.work, 30) == "done"
    assert left == []


def test_a_result_that_nobody_fetches_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    line: CheckLine[str] = CheckLine()
    assert ask(line, "a", lambda: "done") is None
    until(lambda: line._checks["a"].ended_at is not None)
    monkeypatch.setattr(lines, "KEPT_SECONDS", -1.0)
    assert ask(line, "b", lambda: "done", 30) == "done"
    assert not line._checks


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


@pytest.fixture
def slow(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Let each check wait for the gate, and each request only shortly for its check."""
    check = preview.check

    def wait(*arguments: Any) -> Any:
        gate.work()
        return check(*arguments)

    monkeypatch.setattr(preview, "check", wait)
    monkeypatch.setattr(batches, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(batches, "CHECKS", CheckLine())
    return gate


def test_a_csv_that_waits_in_line_has_a_page_that_says_so_and_then_shows_the_preview(
    browser: TestClient, slow: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    for name in ("one", "two", "three"):
        answer = browser.post("/batches", files={"file": ("a.csv", csv_of(1, 1, name))}, headers=HERE)
        assert answer.status_code == 303
        pages.append(answer.headers["location"])
    until(lambda: slow.under_way == 2)
    running, waiting = (browser.get(page) for page in (pages[0], pages[2]))
    assert (running.status_code, waiting.status_code) == (202, 202)
    assert "Your file is being checked" in running.text
    assert "Your file waits to be checked" in waiting.text
    assert '<meta http-equiv="refresh" content="2">' in waiting.text
    slow.opened.set()
    monkeypatch.setattr(batches, "WAIT_SECONDS", 60.0)
    assert [browser.get(page).status_code for page in pages] == [200] * 3
    assert slow.most == 2


def test_a_csv_that_can_not_be_used_has_the_reason_on_the_page_that_has_waited(
    browser: TestClient, slow: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser.post("/batches", files={"file": ("a.csv", "%PDF-1.7")}, headers=HERE).headers["location"]
    slow.opened.set()
    monkeypatch.setattr(batches, "WAIT_SECONDS", 60.0)
    answer = browser.get(page)
    assert answer.status_code == 422
    assert "a.csv: is a PDF" in answer.text


@pytest.mark.usefixtures("in_processes")
def test_seventeen_checks_leave_the_connections_to_airflows_database_to_others(
    browser: TestClient, slow: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}", poolclass=QueuePool, **options)
    Base.metadata.create_all(engine, tables=TABLES)
    with engine.begin() as connection:
        connection.execute(insert(Pool).values(pool=TENANT.pool, slots=4, include_deferred=False))

    @contextmanager
    def create_session(scoped: bool) -> Iterator[Session]:
        with Session(engine) as session, session.begin():
            yield session

    monkeypatch.setattr(airflow, "create_session", create_session)
    monkeypatch.setattr(batches, "WAIT_SECONDS", 5.0)

    def send(number: int) -> int:
        files = {"file": ("a.csv", csv_of(1, 1, f"n{number}"))}
        return browser.post("/batches", files=files, headers=HERE).status_code

    with ThreadPoolExecutor(17) as people:
        sent = [people.submit(send, number) for number in range(17)]
        until(lambda: slow.under_way == 2)
        assert browser.get("/runs").status_code == 200
        assert [one.result() for one in sent] == [303] * 17
    engine.dispose()


@pytest.fixture
def held(session: Session, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was waited for while a session was open."""
    found: list[str] = []
    opened = 0

    @contextmanager
    def create_session(scoped: bool) -> Iterator[Session]:
        nonlocal opened
        opened += 1
        yield session
        opened -= 1

    def watch(module: Any, name: str) -> None:
        function = getattr(module, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            if opened:
                found.append(name)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, watched)

    monkeypatch.setattr(airflow, "create_session", create_session)
    watch(processes, "Popen")
    watch(ledgers, "open_ledger")
    watch(report_files, "_open_below_base")
    return found


@pytest.mark.usefixtures("in_processes")
def test_no_session_is_open_while_a_page_waits_for_a_file_the_ledger_or_another_process(
    browser: TestClient, held: list[str], session: Session, default_ledger: Ledger, home: Path
) -> None:
    entry = create(default_ledger, "Acme")
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    create_tickets.load(None, folder, run_params(prospects_csv=csv_of(1, 1, "acme")))
    write(folder, "Acme")
    run = {"dag_id": DAG, "run_id": RUN_ID, "run_type": "manual", "state": "running", "run_after": datetime.now(UTC)}
    session.execute(insert(DagRun).values(clear_number=0, log_template_id=1, **run))
    page = browser.post("/batches", files={"file": ("a.csv", csv_of(1, 1, "new"))}, headers=HERE).headers["location"]
    paths = [page, f"{page}/problems.csv", "/customers"]
    paths += [f"/runs/{DAG}/{RUN_ID}{part}" for part in ("", "/progress", "/rows")]
    paths += [f"/reports/{DAG}/{RUN_ID}{part}" for part in ("", "/files/tickets.csv")]
    assert [browser.get(path).status_code for path in paths] == [200] * len(paths)
    links = browser.post(f"/reports/{DAG}/{RUN_ID}/links", json={"rows": [1]}, headers=HERE)
    revealed = browser.post(f"/customers/{entry.key}/link", headers=HERE)
    reissued = browser.post(f"/customers/{entry.key}/reissue", headers=HERE)
    assert [answer.status_code for answer in (links, revealed, reissued)] == [200, 200, 404]
    assert held == []
