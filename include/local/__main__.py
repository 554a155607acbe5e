"""``python -m include.local demo | up | down``."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from rich.console import Console

from include.local.airflow import POOL, PROJECT, LocalAirflow, LocalAirflowError, connection_env
from include.local.demo import PACE, SLOTS, run_demo
from include.local.tenant import LocalTenant

_HOME = PROJECT / ".airflow" / "up"
_CONNECTION = "AIRFLOW_CONN_AUTH0_DEFAULT"


def main() -> int:
    """Run one of the commands; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description=__doc__)
    parser.add_argument("command", choices=["demo", "up", "down"])
    parser.add_argument("--port", type=int, default=int(os.environ.get("AIRFLOW_PORT", "8080")))
    parser.add_argument("--sandbox-port", type=int, default=int(os.environ.get("SANDBOX_PORT", "4010")))
    options = parser.parse_args()
    console = Console()
    # A plain kill is to end what was started here, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.command == "demo":
            return run_demo(console)
        if options.command == "up":
            return _up(console, options.port, options.sandbox_port)
        return _down(console)
    except LocalAirflowError as error:
        console.print(f"[red]{error}[/]")
        return 1


def _up(console: Console, port: int, sandbox_port: int) -> int:
    airflow = LocalAirflow(_HOME, port=port)
    if airflow.is_running():
        console.print("It is running already; 'make down' stops it.")
        return 1
    env: dict[str, str] = {}
    if not os.environ.get(_CONNECTION):
        tenant = LocalTenant(_HOME, sandbox_port)
        tenant.start()
        console.print(f"Sandbox tenant: {tenant.url} (set {_CONNECTION} to use your own tenant instead)")
        known = tenant.settings
        env = connection_env(
            host=tenant.url,
            client_id=known.client_id,
            client_secret=known.client_secret,
            profile_id=known.profile_ids[0],
            **PACE,
        )
    airflow = LocalAirflow(_HOME, port=port, env=env)
    with console.status(f"Starting Airflow (log: {airflow.log_file.relative_to(PROJECT)}) …"):
        airflow.start()
        try:
            api = airflow.wait_until_healthy()
        except BaseException:
            _down(console)
            raise
        if env:
            api.set_pool(POOL, SLOTS)
    console.print(f"Airflow: {airflow.url}   user: admin   password: {airflow.password}")
    console.print("Open the DAG create_sso_tickets and press Trigger. 'make down' stops it all.")
    return 0


def _down(console: Console) -> int:
    LocalAirflow(_HOME, port=1).stop()
    LocalTenant(_HOME, 1).stop()
    console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
