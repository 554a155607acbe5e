"""The pages after a run of 10,000 rows, beside a request of Airflow's own API; and the preview of 10,000 rows."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.table import Table

from dev.local.airflow import POOL, USER, LocalAirflow
from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.bench.results.measured import HOME, BenchError
from tests.support.prospects import csv_of

ROWS = 10_000
DAG = "create_sso_tickets"
TIMES = 9
MAX_MEGABYTES = 2.0
_RUN_SECONDS = 400.0


def run(console: Console) -> list[str]:
    """Measure; return which pages are too large."""
    settings = SandboxSettings(plan=Plan(size=100_000, refill=100_000), latency=(0, 0))
    with Sandbox(settings) as tenant:
        env = connection_env(tenant.url, tenant.settings, requests_per_slot=1000, burst_per_slot=1000)
        local = LocalAirflow(HOME, env={"SSO_TICKETS_REPORTS": str(HOME / "reports"), **env})
        local.stop()  # one that a killed benchmark has left running
        local.remove()
        console.print("pages: starting Airflow …")
        with local:
            local.api().set_pool(POOL, 4)
            console.print(f"pages: a run of {ROWS:,} rows …")
            run_id = quote(_run(local), safe="")
            with _client(local) as client:
                problems = _measure_pages(console, client, run_id)
                _measure_preview(console, client)
    return problems


def _run(local: LocalAirflow) -> str:
    api = local.api()
    file = HOME / "prospects.csv"
    file.write_text(csv_of(ROWS, ROWS // 4, "pages"))
    run_id = api.trigger(DAG, {"prospects_uri": str(file), "max_mapped_tasks": 4})
    deadline = time.monotonic() + _RUN_SECONDS
    while (state := api.run(DAG, run_id)["state"]) != "success":
        if state == "failed" or time.monotonic() > deadline:
            raise BenchError(f"pages: the run is {state} after {_RUN_SECONDS:.0f} s, see {HOME / 'logs'}")
        time.sleep(2)
    return run_id


def _client(local: LocalAirflow) -> httpx.Client:
    login = {"username": USER, "password": local.password}
    token = httpx.post(f"{local.url}/auth/token", json=login, trust_env=False).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=local.url, headers=headers, timeout=60, follow_redirects=True, trust_env=False)


def _measure_pages(console: Console, client: httpx.Client, run_id: str) -> list[str]:
    of_run = f"{DAG}/{run_id}"
    requests: dict[str, Callable[[], httpx.Response]] = {
        "Airflow's own: the DAG's runs": lambda: client.get(f"/api/v2/dags/{DAG}/dagRuns"),
        "New batch": lambda: client.get("/sso-tickets/batches/new"),
        "Runs": lambda: client.get("/sso-tickets/runs"),
        "a run": lambda: client.get(f"/sso-tickets/runs/{of_run}"),
        "rows of a run": lambda: client.get(f"/sso-tickets/runs/{of_run}/rows?page=50"),
        "report of a run": lambda: client.get(f"/sso-tickets/reports/{of_run}"),
        "Customers": lambda: client.get("/sso-tickets/customers"),
        "search of customers": lambda: client.post("/sso-tickets/customers", data={"q": "pages desk4999"}),
        "Columns": lambda: client.get("/sso-tickets/columns"),
    }
    table = Table(title=f"pages: after a run of {ROWS:,} rows, median of {TIMES}", title_justify="left")
    for heading in ("page", "ms", "÷ Airflow's own", "MB"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    problems, first = [], 0.0
    for name, request in requests.items():
        megabytes = len(_answer(request).content) / 1e6
        seconds = statistics.median(_seconds(request) for _ in range(TIMES))
        first = first or seconds
        table.add_row(name, f"{seconds * 1000:.0f}", f"{seconds / first:.1f}", f"{megabytes:.2f}")
        if megabytes > MAX_MEGABYTES:
            problems.append(f"pages: {name} has {megabytes:.2f} MB")
    console.print(table)
    return problems


def _measure_preview(console: Console, client: httpx.Client) -> None:
    """Upload a CSV of unknown prospects, while another client asks for the DAG's runs."""
    content = csv_of(ROWS, ROWS // 4, "preview").encode()
    stopped = threading.Event()

    def request_until_stopped() -> list[float]:
        found = []
        while not stopped.wait(0.05):
            found.append(_seconds(lambda: client.get(f"/api/v2/dags/{DAG}/dagRuns")))
        return found

    with ThreadPoolExecutor(1) as other:
        requests = other.submit(request_until_stopped)
        try:
            uploads = [
                _seconds(lambda: client.post("/sso-tickets/batches", files={"file": ("prospects.csv", content)}))
                for _ in range(3)
            ]
        finally:
            stopped.set()
        others = requests.result()
    console.print(
        f"pages: from the upload of {ROWS:,} rows to their preview: {statistics.median(uploads):.2f} s; of "
        f"{len(others)} other requests meanwhile, the median took {statistics.median(others) * 1000:.0f} ms, "
        f"the slowest {max(others) * 1000:.0f} ms"
    )


def _seconds(request: Callable[[], httpx.Response]) -> float:
    began = time.perf_counter()
    _answer(request)
    return time.perf_counter() - began


def _answer(request: Callable[[], httpx.Response]) -> httpx.Response:
    response = request()
    if response.status_code != 200:
        raise BenchError(f"pages: {response.request.method} {response.request.url} answered {response.status_code}")
    return response
