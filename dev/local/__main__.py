"""``python -m dev.local demo | up | down``."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from rich.console import Console

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi, ApiError
from dev.local.background import PROJECT
from dev.local.demo import PACE, SLOTS, run_demo
from dev.local.tenant import LocalTenant

HOME = PROJECT / ".airflow" / "up"
_CONNECTION = "auth0_default"
_VARIABLE = f"AIRFLOW_CONN_{_CONNECTION.upper()}"


def main() -> int:
    """Run one of the commands; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.local", description=__doc__)
    parser.add_argument("command", choices=["demo", "up", "down"])
    parser.add_argument("--port", type=int, default=os.environ.get("AIRFLOW_PORT") or "8080")
    parser.add_argument("--sandbox-port", type=int, default=os.environ.get("SANDBOX_PORT") or "4010")
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
    except RuntimeError as error:
        console.print(f"[red]{error}[/]")
        return 1


def _up(console: Console, port: int, sandbox_port: int) -> int:
    airflow = LocalAirflow(HOME, port=port)
    if airflow.is_running():
        console.print(f"It is running already (user: admin   password: {airflow.password}); 'make down' stops it.")
        return 1
    tenant = None if os.environ.get(_VARIABLE) else LocalTenant(HOME, sandbox_port)
    try:
        if tenant is not None:
            tenant.start()
        with console.status(f"Starting Airflow (log: {airflow.log_file.relative_to(PROJECT)}) …"):
            airflow.start()
            api = airflow.wait_until_healthy()
        if tenant is not None:
            _connect(console, api, tenant)
    except BaseException:
        _down(console)
        raise
    console.print(f"Airflow: {airflow.url}   user: admin   password: {airflow.password}", soft_wrap=True)
    console.print("Open the DAG create_sso_tickets and press Trigger. 'make down' stops it all.")
    return 0


def _connect(console: Console, api: AirflowApi, tenant: LocalTenant) -> None:
    """Point Airflow's connection at the sandbox tenant, unless there is one already: it may be a real tenant's."""
    console.print(f"Sandbox tenant: {tenant.url}", soft_wrap=True)
    try:
        kept = api.get(f"/api/v2/connections/{_CONNECTION}")
        console.print(
            f"Connection {_CONNECTION}: {kept['host']}, as it was left (delete it to get the sandbox's).",
            soft_wrap=True,
        )
    except ApiError as error:
        if error.status != 404:
            raise
        known = tenant.settings
        api.set_connection(
            _CONNECTION,
            conn_type="auth0",
            description="The sandbox tenant",
            host=tenant.url,
            port=0,  # Airflow 3.3.2's Test button refuses a connection whose port is empty
            login=known.client_id,
            password=known.client_secret,
            extra={"profile_id": known.profile_ids[0], **PACE},
        )
        api.set_pool(POOL, SLOTS)
        console.print(
            f"Connection {_CONNECTION}: the sandbox tenant; use your own under Admin > Connections.", soft_wrap=True
        )


def _down(console: Console) -> int:
    LocalAirflow(HOME, port=1).stop()
    LocalTenant(HOME, 1).stop()
    console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
