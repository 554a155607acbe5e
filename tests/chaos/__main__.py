"""``python -m tests.chaos [--seeds 1 2 3]``: kill a real Airflow while it makes tickets, and balance the books."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from rich.console import Console

from dev.local.airflow import POOL, PROJECT, LocalAirflowError
from dev.local.api import ApiError
from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.batch import Batch, ChaosError, Outcome
from tests.chaos.plain import PlainOutcome, run_plain_way
from tests.chaos.verdict import complaints_of, table
from tests.support import postgres

HOME = PROJECT / ".airflow" / "chaos"
ORGANIZATIONS = 200
SLOTS = 4
PACE = {"requests_per_slot": 2, "burst_per_slot": 2}
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
MOST_SECONDS = 40 * 60


def main() -> int:
    """Run a batch for each seed; return 0 if nothing was lost and nothing is doubled without being flagged, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3], metavar="N")
    parser.add_argument("--no-plain", action="store_true", help="leave out the plain way, which is run beside it")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    _be_alone_and_bounded()
    outcomes: list[Outcome] = []
    complaints: list[str] = []
    plain: PlainOutcome | None = None
    try:
        for seed in options.seeds:
            outcomes.append(_run_batch(console, seed))
        if not options.no_plain:
            plain = _run_plain_way(console, (options.seeds or [1])[0])
    except (ChaosError, LocalAirflowError, ApiError, OSError, postgres.PostgresError) as error:
        complaints.append(f"Not carried out to the end: {error!r}")
    console.print(table(outcomes, ORGANIZATIONS))
    if plain is not None:
        console.print(
            f"Beside it, the plain way (one POST a mapped task, no ledger), killed {plain.kills} times and run again: "
            f"{plain.made} tickets made for {plain.asked} prospects, {plain.orphans} of them orphans, none flagged."
        )
    complaints += [f"seed {outcome.seed}: {said}" for outcome in outcomes for said in complaints_of(outcome)]
    for complaint in complaints:
        console.print(f"[red]{complaint}[/]")
    if not complaints:
        console.print("Nothing lost, nothing doubled that is not flagged.")
    return 1 if complaints else 0


def _run_batch(console: Console, seed: int) -> Outcome:
    """Run one batch, by turns with one of the two kinds of ledger."""
    home = HOME / f"seed-{seed}"
    with postgres.postgres_database() as spare:
        ledger_url = f"sqlite:///{home / 'ledger.db'}"
        env = {"SSO_TICKETS_REPORTS": str(home / "reports"), "SSO_TICKETS_LEDGER": str(home / "ledger.db")}
        if seed % 2 == 0:
            ledger_url = spare
            env["AIRFLOW_CONN_SSO_TICKETS_DB"] = spare.replace("postgresql+psycopg2://", "postgres://")
        with _airflow(console, f"seed {seed}", home, env) as (airflow, tenant, say):
            airflow.api().set_pool(POOL, SLOTS)
            return Batch(seed, ORGANIZATIONS, airflow, tenant, ledger_url, home / "reports", say).run()


def _run_plain_way(console: Console, seed: int) -> PlainOutcome:
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(PROJECT / folder)},
        }
        for name, folder in (("project", "dags"), ("plain", "tests/bench/dags"))
    ]
    env = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}
    with _airflow(console, "plain way", HOME / "plain", env) as (airflow, tenant, say):
        return run_plain_way(seed, ORGANIZATIONS, airflow, tenant, say)


@contextmanager
def _airflow(
    console: Console, name: str, home: Path, env: Mapping[str, str]
) -> Iterator[tuple[ChaosAirflow, Sandbox, Callable[[str], None]]]:
    """Run an Airflow and a tenant of their own, on an empty database."""
    shutil.rmtree(home, ignore_errors=True)
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{name}, {time.monotonic() - began:4.0f} s: {what}")

    with Sandbox(SandboxSettings(plan="enterprise")) as tenant, postgres.postgres_database() as metadata:
        connection = connection_env(
            host=tenant.url,
            client_id=tenant.client_id,
            client_secret=tenant.client_secret,
            profile_id=tenant.profile_id,
            **PACE,
        )
        say(f"starting Airflow (logs: {home.relative_to(PROJECT)}) …")
        with ChaosAirflow(home, metadata, {FERNET_KEY: os.environ[FERNET_KEY], **connection, **env}) as airflow:
            say(f"{ORGANIZATIONS} organizations")
            yield airflow, tenant, say


def _be_alone_and_bounded() -> None:
    # What a developer's shell says must not decide what happens here.
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SSO_TICKETS_"))]:
        if name != postgres.SERVER_VARIABLE:
            del os.environ[name]
    os.environ[FERNET_KEY] = Fernet.generate_key().decode()  # the ledger is read here too
    # A plain kill, or taking too long, is to end what was started here, as Ctrl-C does.
    for ending in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(ending, lambda received, _frame: sys.exit(128 + received))
    signal.alarm(MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
