"""Who is notified of what: by a real mail server, in whole runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.models.hitl import HITLDetail
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from dev.sandbox.server import Sandbox
from tests.integration.runs import Trigger
from tests.support.mail_server import MailServer
from tests.support.prospects import csv_of

BASE = "https://airflow.example.com/team"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Run a mail server that Airflow is to notify by."""
    with MailServer() as server:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("SSO_TICKETS_NOTIFY", "smtp:ops@example.com, sso@example.com")
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE)
        yield server


def text_of(mail: MailServer) -> str:
    """Return the one message's text."""
    (message,) = mail.messages
    assert message["To"] == "ops@example.com, sso@example.com"
    part = message.get_body()
    assert part is not None
    return str(part.get_content())


class Parked(Exception):
    """The run waits for a person."""


@pytest.fixture
def trigger_and_wait(trigger: Trigger, monkeypatch: pytest.MonkeyPatch) -> Callable[..., HITLDetail]:
    """Run the DAG until it waits for an approval, and return what it asks."""

    def park(seconds: float) -> None:
        raise Parked

    def start(**conf: Any) -> HITLDetail:
        with monkeypatch.context() as patch:
            patch.setattr("time.sleep", park)  # dag.test() sleeps until somebody answers
            with pytest.raises(Parked):
                trigger(require_approval=True, **conf)
        newest = select(HITLDetail).options(joinedload(HITLDetail.task_instance)).order_by(HITLDetail.created_at.desc())
        with create_session() as session:
            found = session.scalars(newest).first()
            assert found is not None
            session.expunge_all()
        return found

    return start


def test_the_mail_about_a_complete_run_has_counts_and_the_reports_address_but_no_link(
    trigger: Trigger, mail: MailServer
) -> None:
    run = trigger(prospects_csv=csv_of(3, 2, "mailed") + "\nbad id\n")
    text = text_of(mail)
    assert mail.messages[0]["Subject"] == "create_sso_tickets: complete"
    assert "4 rows, 3 created, 1 invalid" in text
    assert f"{BASE}/sso-tickets/reports/create_sso_tickets/{quote(run.run_id, safe='')}" in text
    assert not any(row["ticket_url"] in text or row["ticket_id"] in text for row in run.rows if row["ticket_id"])
    assert "mailed" not in text


def test_there_is_one_about_a_run_that_is_not_complete(trigger: Trigger, tenant: Sandbox, mail: MailServer) -> None:
    tenant.fault("fail_match", organization_id="org_notcomplete00001", status=400)
    run = trigger(prospects_csv=csv_of(3, 3, "notcomplete"))
    assert run.state == "failed"
    assert mail.messages[0]["Subject"] == "create_sso_tickets: not complete"
    assert "3 rows, 2 created, 1 failed" in text_of(mail)


def test_without_a_mail_server_the_plan_waits_all_the_same_and_the_log_says_that_nothing_was_sent(
    trigger_and_wait: Callable[..., HITLDetail],
    monkeypatch: pytest.MonkeyPatch,
    mail: MailServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    unreachable = {"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "extra": {"retry_limit": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(unreachable))
    question = trigger_and_wait(prospects_csv=csv_of(1, 1, "unsent"))
    assert question.subject.startswith("Create SSO tickets? Prospects: 1, ")
    assert "The notification was not sent: " in capfd.readouterr().out


def test_a_plan_that_waits_for_approval_is_mailed_and_both_show_what_would_be_done(
    trigger: Trigger, trigger_and_wait: Callable[..., HITLDetail], tenant: Sandbox, mail: MailServer
) -> None:
    trigger(prospects_csv=csv_of(2, 2, "planned"))
    mail.mails.clear()
    tenant.reset()
    question = trigger_and_wait(prospects_csv=csv_of(3, 3, "planned") + "\nbad id\n", on_existing="reissue")
    run_id = quote(question.task_instance.run_id, safe="")
    assert question.subject == (
        "Create SSO tickets? Prospects: 3, organizations: 3, to create: 1, to reuse: 0, to replace: 2, invalid rows: 1"
    )
    body = question.body or ""
    assert "**Warning: links that customers may have received stop working: 2.**" in body
    assert "because\non_existing is reissue." in body
    assert "| Seconds at the pool's rate | 0.0 |" in body
    assert f"[All rows of the plan]({BASE}/sso-tickets/runs/create_sso_tickets/{run_id}/rows)" in body
    notice = text_of(mail)
    assert mail.messages[0]["Subject"] == "create_sso_tickets waits for your approval"
    assert f"{BASE}/dags/create_sso_tickets/runs/{run_id}/tasks/approve/required_actions" in notice
    assert "to create: 1, to reuse: 0, to replace: 2, invalid rows: 1" in notice
    assert tenant.stats().tickets == 0


def test_a_plan_on_an_empty_ledger_asks_about_the_links_that_a_report_lists(
    trigger: Trigger,
    trigger_and_wait: Callable[..., HITLDetail],
    tenant: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf = {"prospects_csv": csv_of(3, 2, "forgotten"), "report_uri": str(tmp_path / "reports")}
    trigger(**conf)
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "new.db"))
    question = trigger_and_wait(**conf)
    assert "**Warning: the ledger is empty, but the newest report lists links that may still work: 3.**" in (
        question.body or ""
    )
    assert tenant.stats().tickets == 3
