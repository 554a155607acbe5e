"""With the XCom backend and OpenLineage: tickets, tokens and secrets are only where they belong."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.sandbox.server import Sandbox
from include import reports
from tests.integration.conftest import KEY, PROJECT, connection_of
from tests.support import scan
from tests.support.prospects import csv_of

DAG = "create_sso_tickets"
TASK = f"{DAG}.create_tickets"


@dataclass(frozen=True)
class Left:
    """What a run has left, and the secrets that may not be in it."""

    home: Path
    state: str
    secrets: dict[str, str]
    tickets: dict[str, str]

    @property
    def events(self) -> list[Path]:
        """Return the files of OpenLineage's events; the provider sometimes leaves an empty one."""
        return [file for file in (self.home / "openlineage").iterdir() if file.stat().st_size]

    @property
    def report(self) -> Path:
        """Return the folder of the one report."""
        (folder,) = (self.home / "reports" / DAG).iterdir()
        return folder


@pytest.fixture(scope="module")
def left(home: Path, shared_tenant: Sandbox) -> Left:
    """Run the DAG in a process of its own, since Airflow reads its settings once; two of four rows are refused."""
    tenant = shared_tenant
    tenant.clear_faults()
    tenant.reset()
    for refused in ("org_locked00001", "org_locked00003"):
        tenant.fault("fail_match", organization_id=refused, status=400)
    folder = home / "apart"
    (folder / "openlineage").mkdir(parents=True)
    with (
        closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))) as empty,
        closing(sqlite3.connect(folder / "airflow.db")) as database,
    ):
        empty.backup(database)
    env = {
        **os.environ,
        **connection_of(tenant),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__CORE__FERNET_KEY": KEY,
        "AIRFLOW__CORE__XCOM_BACKEND": "auth0_sso.xcom.EncryptedTicketsXCom",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": f"{folder}/openlineage/event"}),
        "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",
        "PYTHONPATH": str(PROJECT),
    }
    conf = {"prospects_csv": csv_of(4, 4, "locked"), "report_uri": str(folder / "reports")}
    command = [str(Path(sys.executable).with_name("airflow")), "dags", "test", DAG, "--conf", json.dumps(conf)]
    with (folder / "output").open("wb") as output:
        subprocess.run(command, env=env, stdout=output, stderr=output, timeout=300)
    with closing(sqlite3.connect(folder / "airflow.db")) as database:
        (state,) = database.execute("SELECT state FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
    tickets = scan.tickets_of(tenant)
    secrets = {"client secret": tenant.client_secret, **scan.tokens_of(tenant), **tickets}
    return Left(folder, state, secrets, tickets)


def test_the_run_has_failed_and_its_report_holds_the_tickets(left: Left) -> None:
    assert (left.state, len(left.tickets)) == ("failed", 4), (left.home / "output").read_text()[-3000:]
    rows = [ticket.as_dict() for ticket in reports.read_tickets(left.report)]
    assert [row["status"] for row in rows] == ["created", "failed", "created", "failed"]
    known = {secret for name, secret in left.tickets.items() if name.startswith("ticket id")}
    assert {row["ticket_id"] for row in rows if row["ticket_id"]} == known


def test_no_table_and_no_file_but_the_report_holds_a_secret(left: Left) -> None:
    database = scan.in_database(left.home / "airflow.db")
    assert b"encrypted:" in database[f"xcom.value of {TASK}[return_value]"]
    assert scan.find(left.secrets, database) == set()
    skipped = {"tickets.csv", "tickets.xlsx", "report.html", "airflow.db"}
    assert scan.find(left.secrets, scan.in_files(left.home, skip=lambda file: file.name in skipped)) == set()


def test_openlineage_has_an_event_of_a_task_that_succeeded_and_of_one_that_failed(left: Left) -> None:
    events = [json.loads(file.read_text()) for file in left.events]
    assert {(TASK, "COMPLETE"), (TASK, "FAIL")} <= {(event["job"]["name"], event["eventType"]) for event in events}
