"""``python -m tests.chaos [--seeds 1 2 3]``: kill a real Airflow while it creates and mails links, and audit it."""

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
from tests.chaos.mailing import PROSPECTS, MailingBatch, MailingOutcome
from tests.chaos.verdict import mailing_table, problems_of, problems_of_mailing, table
from tests.support import commands
from tests.support.mail_server import MailServer
from tests.support.mailing import SMTP_VARIABLE, smtp_connection
from tests.support.services import postgres

HOME = PROJECT / ".airflow" / "chaos"
ORGANIZATIONS = 200
SLOTS = 4
PACE = {"requests_per_slot": 2, "burst_per_slot": 2}
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
MAIL_LATENCY = 0.05
MAX_SECONDS = 60 * 60


def main() -> int:
    """Run the batches; return 0 if no row and no mail is lost, and every duplicate is flagged, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3], metavar="N")
    parser.add_argument("--mailing-seeds", nargs="*", type=int, default=[1, 2], metavar="N")
    parser.add_argument("--no-baseline", action="store_true", help="don't kill the DAG 'naive' for comparison")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    commands.isolate(MAX_SECONDS, keep=postgres.SERVER_VARIABLE)
    os.environ[FERNET_KEY] = Fernet.generate_key().decode()  # the ledger is read here too
    outcomes: list[Outcome] = []
    mailings: list[MailingOutcome] = []
    problems: list[str] = []
    baseline: BaselineOutcome | None = None
    try:
        for seed in options.seeds:
            outcomes.append(_run_batch(console, seed))
        for seed in options.mailing_seeds:
            mailings.append(_run_mailing(console, seed))
        if not options.no_baseline:
            baseline = _run_baseline(console, (options.seeds or [1])[0])
    except (ChaosError, LocalAirflowError, ApiError, OSError, postgres.PostgresError) as error:
        problems.append(f"Not completed: {error!r}")
    if outcomes:
        console.print(table(outcomes, ORGANIZATIONS))
    if mailings:
        console.print(mailing_table(mailings, PROSPECTS))
    if baseline is not None:
        console.print(
            f"For comparison, the baseline (one POST a mapped task, no ledger), killed {baseline.kills} times and run "
            f"again: {baseline.created} tickets created for {baseline.prospects} prospects, {baseline.orphans} of them "
            "orphans, none flagged."
        )
    problems += [f"seed {outcome.seed}: {problem}" for outcome in outcomes for problem in problems_of(outcome)]
    problems += [f"mailing {one.seed}: {problem}" for one in mailings for problem in problems_of_mailing(one)]
    for problem in problems:
        console.print(f"[red]{problem}[/]")
    if not problems:
        console.print("No row and no mail is lost, nobody is mailed twice, and all that is not known is flagged.")
    return 1 if problems else 0


def _run_batch(console: Console, seed: int) -> Outcome:
    """Run one batch."""
    home = HOME / f"seed-{seed}"
    with _ledger(home, seed) as (ledger_url, env), _airflow(console, f"seed {seed}", home, env) as run:
        airflow, tenant, log = run
        airflow.api().set_pool(POOL, SLOTS)
        return Batch(seed, ORGANIZATIONS, airflow, tenant, ledger_url, home / "reports", log).run()


def _run_mailing(console: Console, seed: int) -> MailingOutcome:
    """Run one mailing."""
    home = HOME / f"mailing-{seed}"
    with MailServer(latency=MAIL_LATENCY) as server, _ledger(home, seed) as (_, env):
        mail = {SMTP_VARIABLE: smtp_connection(server.port), "SSO_TICKETS_MAIL_FROM": "Acme <sso@acme.example>"}
        with _airflow(console, f"mailing {seed}", home, env | mail) as (airflow, _tenant, log):
            airflow.api().set_pool(POOL, SLOTS)
            return MailingBatch(seed, airflow, server, home / "reports", log).run()


@contextmanager
def _ledger(home: Path, seed: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the URL of a ledger and Airflow's environment: SQLite for an odd seed, PostgreSQL for an even one."""
    env = {"SSO_TICKETS_REPORTS": str(home / "reports"), "SSO_TICKETS_LEDGER": str(home / "ledger.db")}
    if seed % 2:
        yield f"sqlite:///{home / 'ledger.db'}", env
        return
    with postgres.postgres_database() as database:
        as_airflow = database.replace("postgresql+psycopg2://", "postgres://")
        yield database, env | {"AIRFLOW_CONN_SSO_TICKETS_DB": as_airflow}


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
            yield airflow, tenant, log


if __name__ == "__main__":
    sys.exit(main())
