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
from dev.local.tenant import CONNECTION, CONNECTION_VARIABLE, LocalTenant, connection_fields
from dev.local.terminal.progress import Display

HOME = PROJECT / ".airflow" / "up"


def main() -> int:
    """Run one of the commands; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.local", description=__doc__)
    parser.add_argument("command", choices=["demo", "up", "down"])
    parser.add_argument("--port", type=int, default=os.environ.get("AIRFLOW_PORT") or "8080")
    parser.add_argument("--sandbox-port", type=int, default=os.environ.get("SANDBOX_PORT") or "4010")
    options = parser.parse_args()
    console = Console()
    # SIGTERM must end what was started here, as Ctrl-C does.
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
    display = Display(console)
    tenant = None if os.environ.get(CONNECTION_VARIABLE) else LocalTenant(HOME, sandbox_port)
    mail_env = tenant.mail_env() if tenant is not None else {}
    airflow = LocalAirflow(
        HOME,
        port=port,
        env=mail_env,
        on_wait=lambda missing: display.show(f"Waiting for Airflow: {missing}"),
    )
    if airflow.is_running():
        console.print(f"It is running already (user: admin   password: {airflow.password}); 'make down' stops it.")
        return 1
    try:
        if tenant is not None:
            tenant.start()
        console.print(f"Starting Airflow (log: {airflow.log_file.relative_to(PROJECT)}) …", soft_wrap=True)
        with display:
            airflow.start()
            api = airflow.wait_until_healthy()
        if tenant is not None:
            _connect(console, api, tenant)
    except BaseException:
        _down(console)
        raise
    console.print(f"Airflow: {airflow.url}   user: admin   password: {airflow.password}", soft_wrap=True)
    console.print("Open the DAG create_sso_tickets and press Trigger. 'make down' stops everything.")
    if tenant is not None:
        console.print(
            "Then let customers use the links, with '.venv/bin/python -m dev.sandbox customers', trigger "
            "follow_sso_setups, and open SSO tickets > Customers.",
            soft_wrap=True,
        )
    if tenant is not None and mail_env:
        console.print(f"Links are mailed when they are made, to {tenant.outbox_url} only.", soft_wrap=True)
    return 0


def _connect(console: Console, api: AirflowApi, tenant: LocalTenant) -> None:
    """Point Airflow's connection at the sandbox tenant, unless there is one already: it may be a real tenant's."""
    console.print(f"Sandbox tenant: {tenant.url}", soft_wrap=True)
    try:
        kept = api.get(f"/api/v2/connections/{CONNECTION}")["host"]
        text = f"{kept}, as an earlier 'make up' left it (delete it to use the sandbox tenant)."
    except ApiError as error:
        if error.status != 404:
            raise
        fields = connection_fields(tenant.url, tenant.settings, enabled_clients=["sandbox-app"], **PACE)
        # Airflow 3.3.2's Test button refuses a connection whose port is empty.
        api.set_connection(CONNECTION, description="The sandbox tenant", port=0, **fields)
        api.set_pool(POOL, SLOTS)
        text = "the sandbox tenant; use your own under Admin > Connections."
    console.print(f"Connection {CONNECTION}: {text}", soft_wrap=True)


def _down(console: Console) -> int:
    LocalAirflow(HOME, port=1).stop()
    LocalTenant(HOME, 1).stop()
    console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
