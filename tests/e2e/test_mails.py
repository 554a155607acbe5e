"""Links are mailed by the asset of the reports: each once, also after the next run, and another if it is replaced."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import pytest

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import HOME, Run, Trigger
from tests.support.mail_server import MailServer

DAG = "mail_sso_tickets"
PROSPECTS = 60
MAX_SECONDS = 240  # at 30 mails a minute
HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name,language"


@pytest.fixture
def mailing(airflow: AirflowApi, tenant: Sandbox, trigger: Trigger) -> Iterator[None]:
    """Let the DAG run that mails; links of earlier tests count as mailed by hand."""
    trigger(prospects_csv=csv_of(1), dry_run=True)  # the ledger is there then
    with closing(sqlite3.connect(HOME / "sso_tickets.db")) as ledger, ledger:
        ledger.execute("INSERT OR REPLACE INTO sso_mailings VALUES (?, ?)", [tenant.domain, time.time()])
    airflow.patch(f"/api/v2/dags/{DAG}", {"is_paused": False})
    yield
    airflow.patch(f"/api/v2/dags/{DAG}", {"is_paused": True})


def csv_of(rows: int = PROSPECTS) -> str:
    lines = (f"org_mail{row:09},Company {row},Ada,it{row}@mails.example,mails-{row},de" for row in range(rows))
    return "\n".join([HEAD, *lines])


def asset_runs(airflow: AirflowApi) -> set[str]:
    """Return the runs that the asset has started."""
    runs = airflow.get(f"/api/v2/dags/{DAG}/dagRuns?run_type=asset_triggered&limit=100")["dag_runs"]
    return {run["dag_run_id"] for run in runs}


def wait_for_mails(airflow: AirflowApi, before: set[str]) -> None:
    """Wait until the asset has started another run, and all of its runs have ended well."""
    any_run = Run(airflow, DAG, "")
    any_run.wait_for(lambda: bool(asset_runs(airflow) - before))
    for run_id in asset_runs(airflow) - before:
        assert Run(airflow, DAG, run_id).wait().state == "success"


def test_a_run_that_creates_links_mails_each_once(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, mail_server: MailServer, mailing: None
) -> None:
    tenant.reset()
    mail_server.mails.clear()
    before = asset_runs(airflow)
    links = {
        row["prospect_email"]: row["ticket_url"] for row in trigger(prospects_csv=csv_of(), max_mapped_tasks=1).rows
    }
    Run(airflow, DAG, "").wait_for(lambda: len(mail_server.mails) >= PROSPECTS, MAX_SECONDS)
    wait_for_mails(airflow, before)
    assert Counter(mail.recipients[0] for mail in mail_server.mails) == dict.fromkeys(links, 1)
    for mail in mail_server.mails:
        body = mail.message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
        assert [address for address, link in links.items() if link in text] == mail.recipients
        assert "einrichten" in str(mail.message["Subject"])

    before = asset_runs(airflow)
    trigger(prospects_csv=csv_of(), max_mapped_tasks=1)
    wait_for_mails(airflow, before)
    assert len(mail_server.mails) == PROSPECTS, "they have their links"

    before = asset_runs(airflow)
    (replaced,) = trigger(prospects_csv=csv_of(1), on_existing="reissue").rows
    wait_for_mails(airflow, before)
    assert [mail.recipients for mail in mail_server.mails[PROSPECTS:]] == [["it0@mails.example"]]
    body = mail_server.mails[-1].message.get_body(("plain",))
    assert body is not None
    assert replaced["ticket_url"] in body.get_content()


@pytest.mark.answers("somebody changes the XCom of `select_mails`")
def test_who_changes_the_selection_and_its_xcom_mails_nobody(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, mail_server: MailServer, mailing: None
) -> None:
    tenant.reset()
    mail_server.mails.clear()
    organizations = [f"org_mail{row:09}" for row in range(2)]
    run = trigger(DAG, wait=False, organization_ids=organizations, require_approval=True)
    run.wait_for(lambda: run.has_parked("approve"))
    file = run.report / "plan" / "mails.json"
    file.write_text(file.read_text().replace('"resend":false', '"resend":true'))
    reference = airflow.xcom(DAG, run.run_id, "select_mails")
    changed = {**reference, "sha256": sha256(file.read_bytes()).hexdigest()}
    entry = f"/api/v2/dags/{DAG}/dagRuns/{run.run_id}/taskInstances/select_mails/xcomEntries/return_value"
    airflow.patch(entry, {"value": changed, "map_index": -1})
    run.respond("Approve")
    assert run.wait().state == "failed"
    assert "What this task is to do is not what was planned" in run.log("send_mails")
    assert mail_server.mails == []
