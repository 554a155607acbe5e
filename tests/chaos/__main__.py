"""``python -m tests.chaos [--seeds 1 2 3]``: kill a real Airflow while it creates tickets, and audit the result."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from rich.console import Console

from dev.local.airflow import POOL, LocalAirflowError
from dev.local.api import ApiError
from dev.local.background import PROJECT
from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.baseline import BaselineOutcome, run_baseline
from tests.chaos.batch import Batch, ChaosError, Outcome
from tests.chaos.verdict import problems_of, table
from tests.support import commands
from tests.support.services import postgres

HOME = PROJECT / ".airflow" / "chaos"
ORGANIZATIONS = 200
SLOTS = 4
PACE = {"requests_per_slot": 2, "burst_per_slot": 2}
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
MAX_SECONDS = 40 * 60


def main() -> int:
    """Run a batch for each seed; return 0 if no row is lost and every duplicate is flagged, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3], metavar="N")
    parser.add_argument("--no-baseline", action="store_true", help="don't kill the DAG 'naive' for comparison")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    commands.isolate(MAX_SECONDS, keep=postgres.SERVER_VARIABLE)
    os.environ[FERNET_KEY] = Fernet.generate_key().decode()  # the ledger is read here too
    outcomes: list[Outcome] = []
    problems: list[str] = []
    baseline: BaselineOutcome | None = None
    try:
        for seed in options.seeds:
            outcomes.append(_run_batch(console, seed))
        if not options.no_baseline:
            baseline = _run_baseline(console, (options.seeds or [1])[0])
    except (ChaosError, LocalAirflowError, ApiError, OSError, postgres.PostgresError) as error:
        problems.append(f"Not completed: {error!r}")
    console.print(table(outcomes, ORGANIZATIONS))
    if baseline is not None:
        console.print(
            f"For comparison, the baseline (one POST a mapped task, no ledger), killed {baseline.kills} times and run "
            f"again: {baseline.created} tickets created for {baseline.prospects} prospects, {baseline.orphans} of them "
            "orphans, none flagged."
        )
    problems += [f"seed {outcome.seed}: {problem}" for outcome in outcomes for problem in problems_of(outcome)]
    for problem in problems:
        console.print(f"[red]{problem}[/]")
    if not problems:
        console.print("No row is lost, and every possible duplicate is flagged.")
    return 1 if problems else 0


def _run_batch(console: Console, seed: int) -> Outcome:
    """Run one batch: with a SQLite ledger for an odd seed, with PostgreSQL for an even one."""
    home = HOME / f"seed-{seed}"
    with postgres.postgres_database() as database:
        ledger_url = f"sqlite:///{home / 'ledger.db'}"
        env = {"SSO_TICKETS_REPORTS": str(home / "reports"), "SSO_TICKETS_LEDGER": str(home / "ledger.db")}
        if seed % 2 == 0:
            ledger_url = database
            env["AIRFLOW_CONN_SSO_TICKETS_DB"] = database.replace("postgresql+psycopg2://", "postgres://")
        with _airflow(console, f"seed {seed}", home, env) as (airflow, tenant, log):
            airflow.api().set_pool(POOL, SLOTS)
            return Batch(seed, ORGANIZATIONS, airflow, tenant, ledger_url, home / "reports", log).run()


def _run_baseline(console: Console, seed: int) -> BaselineOutcome:
    with _airflow(console, "baseline", HOME / "baseline", {}) as (airflow, tenant, log):
        return run_baseline(seed, ORGANIZATIONS, airflow, tenant, log)


@contextmanager
def _airflow(
    console: Console, name: str, home: Path, env: Mapping[str, str]
) -> Iterator[tuple[ChaosAirflow, Sandbox, Callable[[str], None]]]:
    """Run a new Airflow and a new tenant; also return a function that prints progress."""
    shutil.rmtree(home, ignore_errors=True)
    began = time.monotonic()

    def log(text: str) -> None:
        console.print(f"{name}, {time.monotonic() - began:4.0f} s: {text}")

    with Sandbox(SandboxSettings(plan="enterprise")) as tenant, postgres.postgres_database() as metadata:
        connection = connection_env(tenant.url, tenant.settings, **PACE)
        log(f"starting Airflow (logs: {home.relative_to(PROJECT)}) …")
        with ChaosAirflow(home, metadata, {FERNET_KEY: os.environ[FERNET_KEY], **connection, **env}) as airflow:
            log(f"{ORGANIZATIONS} organizations")
            yield airflow, tenant, log


if __name__ == "__main__":
    sys.exit(main())
