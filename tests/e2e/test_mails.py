"""Links are mailed by the asset of the reports: each once, also after the next run, and another if it is replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger
from tests.support.mail_server import MailServer

DAG = "mail_sso_tickets"
PROSPECTS = 12
HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name,language"


@pytest.fixture
def mailing(airflow: AirflowApi) -> Iterator[None]:
    """Let the DAG run that mails."""
    airflow.patch(f"/api/v2/dags/{DAG}", {"is_paused": False})
    yield
    airflow.patch(f"/api/v2/dags/{DAG}", {"is_paused": True})


def csv_of(rows: int = PROSPECTS) -> str:
    lines = (f"org_mail{row:09},Company {row},Ada,it{row}@mails.example,mails-{row},de" for row in range(rows))
    return "\n".join([HEAD, *lines])


def mail_run(airflow: AirflowApi, before: set[str]) -> Run:
    """Return the run that the asset has started, when it has ended."""
    found: set[str] = set()

    def has_started() -> bool:
        runs = airflow.get(f"/api/v2/dags/{DAG}/dagRuns?run_type=asset_triggered")["dag_runs"]
        found.update(run["dag_run_id"] for run in runs)
        return bool(found - before)

    Run(airflow, DAG, "").wait_for(has_started)
    run = Run(airflow, DAG, (found - before).pop())
    before.add(run.run_id)
    return run.wait()


def test_a_run_that_creates_links_mails_each_once(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, mail_server: MailServer, mailing: None
) -> None:
    tenant.reset()
    mail_server.mails.clear()
    known: set[str] = set()
    links = {
        row["prospect_email"]: row["ticket_url"] for row in trigger(prospects_csv=csv_of(), max_mapped_tasks=1).rows
    }
    assert mail_run(airflow, known).state == "success"
    assert Counter(mail.recipients[0] for mail in mail_server.mails) == dict.fromkeys(links, 1)
    for mail in mail_server.mails:
        body = mail.message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
        assert [address for address, link in links.items() if link in text] == mail.recipients
        assert "einrichten" in str(mail.message["Subject"])

    trigger(prospects_csv=csv_of(), max_mapped_tasks=1)
    assert mail_run(airflow, known).state == "success"
    assert len(mail_server.mails) == PROSPECTS, "they have their links"

    (replaced,) = trigger(prospects_csv=csv_of(1), on_existing="reissue").rows
    assert mail_run(airflow, known).state == "success"
    assert [mail.recipients for mail in mail_server.mails[PROSPECTS:]] == [["it0@mails.example"]]
    body = mail_server.mails[-1].message.get_body(("plain",))
    assert body is not None
    assert replaced["ticket_url"] in body.get_content()
