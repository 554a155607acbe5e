"""After runs that succeeded and runs that failed: tickets, tokens and secrets are only where they belong."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from dev.sandbox.server import Sandbox
from tests.e2e.conftest import FailedRun
from tests.e2e.runs import HOME, Run, Trigger
from tests.support import scan

DAG = "create_sso_tickets"
REPORT_FILES = {"tickets.csv", "tickets.xlsx", "report.html", "revocations.csv", "revocations.xlsx"}
LINK = re.compile(rb"ticket=[A-Za-z0-9]{16,}")
TICKETS_XCOM = f"xcom.value of {DAG}.create_tickets[return_value]"
# A revoked ticket's id opens nothing, and identifies it in the revocation log.
REVOCATIONS_XCOM = "xcom.value of revoke_sso_tickets.revoke_tickets[return_value]"
REVOCATION_LOG = {REVOCATIONS_XCOM, "sso_tickets.db", "sso_tickets.db-wal"}


@dataclass(frozen=True)
class Left:
    """What the runs have left, and the secrets that may not be in it."""

    secrets: dict[str, str]
    revoked_ids: frozenset[str]
    processes: scan.Places
    first: Run
    revoked: Run

    def leaks(self, places: scan.Places) -> set[scan.Leak]:
        """Return what was found, except the ids of revoked tickets in the revocation log."""
        found = scan.find(self.secrets, places)
        return {leak for leak in found if not (leak.place in REVOCATION_LOG and leak.secret in self.revoked_ids)}

    @property
    def database(self) -> scan.Places:
        return scan.in_database(HOME / "airflow.db")

    @property
    def files(self) -> scan.Places:
        """Return the files of Airflow's home except the database, which is searched by column, and the reports'."""
        return scan.in_files(
            HOME,
            skip=lambda file: (
                file.name.startswith("airflow.db") or (HOME / "reports" in file.parents and file.name in REPORT_FILES)
            ),
        )


@pytest.fixture(scope="module")
def left(failed_run: FailedRun, trigger: Trigger, tenant: Sandbox) -> Left:
    """Revoke the tickets of the failed run."""
    revoked = trigger("revoke_sso_tickets", report=str(failed_run.run.report))
    revoked_ids = {f"ticket id {n}" for n, ticket in enumerate(tenant.tickets) if ticket.state == "revoked"}
    secrets = {
        "client secret": tenant.client_secret,
        "private key": failed_run.private_key,
        "line of the private key": failed_run.private_key.splitlines()[5],
        **scan.tokens_of(tenant),
        **scan.tickets_of(tenant),
    }
    return Left(secrets, frozenset(revoked_ids), failed_run.processes, failed_run.run, revoked)


def test_the_runs_had_tickets_and_failures_in_them(left: Left) -> None:
    log = left.first.log("create_tickets")
    assert "Auth0 answered 400" in log
    assert any(row["duplicate_possible"] for row in left.first.rows)
    assert left.revoked.summary["revoked"] >= 2
    assert {name.rstrip("0123456789 ") for name in left.secrets} == {
        "client secret", "private key", "line of the private key", "token", "signature of token", "ticket", "ticket id",
    }  # fmt: skip


def test_the_database_holds_tickets_in_one_kind_of_xcom_and_no_other_secret(left: Left) -> None:
    places = left.database
    assert {
        "rendered_task_instance_fields.rendered_fields", "task_instance.rendered_map_index", "asset_event.extra",
        "log.extra", "connection.password", "connection.extra", "dag_run.conf", "serialized_dag.data",
    } <= {place for place, content in places.items() if content.strip()}  # fmt: skip
    leaks = left.leaks(places)
    assert {leak.place for leak in leaks} == {TICKETS_XCOM}
    assert {leak.secret.rstrip("0123456789 ") for leak in leaks} == {"ticket", "ticket id"}


def test_no_log_and_no_file_but_the_report_holds_a_secret(left: Left) -> None:
    files = left.files
    services = (b"api-server", b"scheduler", b"dag-processor", b"triggerer")
    assert all(service + b" " in files["standalone.log"] for service in services)
    assert sum(name.startswith("logs/dag_id=") for name in files) > 10
    assert {"sso_tickets.db", "manifest.jsonl", "batch-0001.json"} <= {Path(name).name for name in files}
    assert left.leaks(files) == set()
    assert [name for name, content in files.items() if LINK.search(content)] == [], "from any earlier run"


def test_no_process_shows_a_secret_in_its_arguments_or_its_environment(left: Left) -> None:
    assert b"scheduler" in left.processes["process arguments"]
    assert b"AIRFLOW__CORE__PLUGINS_FOLDER" in left.processes["process environment"]
    assert scan.find(left.secrets, left.processes) == set()


def test_only_the_owner_can_read_the_files(left: Left) -> None:
    base = left.first.report
    readable = {
        str(path): oct(path.stat().st_mode)
        for path in [HOME, HOME / "sso_tickets.db", base, left.revoked.report, *base.rglob("*")]
        if path.stat().st_mode & 0o077
    }
    assert readable == {}


SECRET = "https://acme.example/self-service/connections-flow?ticket=a1&b=%22c%22\n<d>"
FORMS = {
    "plain": SECRET,
    "URL-encoded": f"next={quote(SECRET, safe='')}",
    "JSON": json.dumps({"a": SECRET}),
    "JSON in JSON": json.dumps({"a": json.dumps({"b": SECRET})}),
    "HTML": "https://acme.example/self-service/connections-flow?ticket=a1&amp;b=%22c%22\n&lt;d&gt;",
    "repr": repr([SECRET]),
    **{f"base64 at {at}": base64.b64encode(b"x" * at + SECRET.encode() + b"!").decode() for at in range(3)},
    **{f"base64url at {at}": base64.urlsafe_b64encode(b"x" * at + SECRET.encode()).decode() for at in range(3)},
}


def found(places: scan.Places) -> set[str]:
    return {leak.place for leak in scan.find({"planted": SECRET, "not planted": "another"}, places)}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_search_finds_each_form_in_a_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "attempt=1.log").write_text(f"said {text} twice")
    (tmp_path / "skipped").write_text(text)
    assert found(scan.in_files(tmp_path, skip=lambda file: file.name == "skipped")) == {"logs/attempt=1.log"}
