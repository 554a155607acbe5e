"""The pace of one process: the project's issuer compared with Auth0's own SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet
from rich.console import Console

from dev.local.background import PROJECT
from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.bench.results.measured import HOME, LATENCY, PLAN, BenchError, Measured, measured, problems, table
from tests.bench.results.plots import plot_requests

FEW, MANY = 300, 1000
_SECONDS = 300.0
WAYS = {
    "TicketIssuer": (FEW, ["tests.bench.ways.issuer"]),
    "auth0-python in a loop": (FEW, ["tests.bench.ways.sdk", "loop"]),
    "auth0-python in 16 threads": (FEW, ["tests.bench.ways.sdk", "threads"]),
    "auth0-python, asyncio.gather": (FEW, ["tests.bench.ways.sdk", "gather"]),
    "TicketIssuer, more prospects": (MANY, ["tests.bench.ways.issuer"]),
    "auth0-python in 16 threads, more prospects": (MANY, ["tests.bench.ways.sdk", "threads"]),
}


def run(console: Console) -> list[str]:
    """Measure all; return what went wrong."""
    with Sandbox(SandboxSettings(plan=PLAN, latency=LATENCY)) as tenant:
        found = [_measure(console, tenant, way, size, *command) for way, (size, command) in WAYS.items()]
    console.print(table(f"pacing: one process, the plan {PLAN}", found))
    few = [one for one in found if one.requested == FEW]
    plot_requests(console, "pacing", f"{FEW} prospects at the plan {PLAN}, one process", few)
    return problems(found)


def _measure(console: Console, tenant: Sandbox, way: str, size: int, module: str, *arguments: str) -> Measured:
    """Create the tickets in a process of its own, which prints how long it took."""
    console.print(f"pacing: {way} …")
    tenant.reset()
    command = [sys.executable, "-m", module, str(size), *arguments]
    try:
        done = subprocess.run(
            command, cwd=PROJECT, env=_environment(tenant), capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{way}: took over {_SECONDS:.0f} s") from None
    if done.returncode:
        raise BenchError(f"{way}: {done.stderr.strip()}")
    seconds = float(json.loads(done.stdout.splitlines()[-1])["seconds"])
    return measured(way, tenant, size, seconds, is_ours=module.endswith("issuer"))


def _environment(tenant: Sandbox) -> dict[str, str]:
    home = HOME / "pacing"
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "plugins")]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **connection_env(tenant.url, tenant.settings),
    }


def connection() -> dict[str, str]:
    """Return the connection to the tenant, in a process that was started here."""
    fields = json.loads(os.environ["AIRFLOW_CONN_AUTH0_DEFAULT"])
    return {
        **{name: fields[name] for name in ("host", "login", "password")},
        "profile_id": fields["extra"]["profile_id"],
    }


def ledger_file() -> Path:
    """Return the file of an empty ledger, in a process that was started here."""
    file = HOME / "pacing" / "ledger.db"
    for old in file.parent.glob("ledger.db*"):
        old.unlink()
    return file
