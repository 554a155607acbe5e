"""Links are mailed by a real mail server, in whole runs: each once, and to nobody else."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import pytest
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import open_ledger
from auth0_sso.models import DeliveryStatus, MailKind, MailPlan

from dev.sandbox.customers import Customer
from dev.sandbox.server import Sandbox
from include import mail_tickets
from include.folders import run_folder
from include.params import MAIL_PARAMS
from tests.integration.runs import Run, Trigger
from tests.support import scan
from tests.support.mail_server import MailServer, Place

DAY = 86_400.0
HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Run the mail server that links are sent by."""
    with MailServer() as server:
        extra = {"disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("SSO_TICKETS_MAIL_FROM", "Acme onboarding <sso@acme.example>")
        yield server


def csv_of(name: str, rows: int = 3) -> str:
    lines = (f"org_{name}{row:06},Company {row},Ada,it{row}@{name}.example,{name}-{row}" for row in range(rows))
    return "\n".join([HEAD, *lines])


def deliveries(run: Run) -> dict[str, dict[str, str]]:
    """Return the rows of ``deliveries.csv`` by connection."""
    with (run.report / "deliveries.csv").open(encoding="utf-8-sig", newline="") as lines:
        return {row["connection_name"]: row for row in csv.DictReader(lines)}


def statuses(run: Run, name: str) -> list[str]:
    return [row["status"] for connection, row in deliveries(run).items() if connection.startswith(f"{name}-")]


def send(trigger: Trigger, name: str, rows: int = 3, **conf: Any) -> Run:
    """Mail the links of the organizations of a CSV."""
    ids = [f"org_{name}{row:06}" for row in range(rows)]
    return trigger("mail_sso_tickets", organization_ids=ids, mails_per_minute=600, **conf)


def pass_time(home: Path, seconds: float) -> None:
    """Let all that the ledger knows have happened earlier; the logs were read all the while."""
    times = {
        "sso_tickets": ("created_at", "requested_at", "expires_at"),
        "sso_issued_tickets": ("created_at",),
        "sso_deliveries": ("created_at", "begun_at", "sent_at"),
        "sso_setups": ("updated_at",),
        "sso_setup_reads": ("read_from",),
    }
    with closing(sqlite3.connect(home / "sso_tickets.db")) as ledger, ledger:
        for table, columns in times.items():
            ledger.execute(f"UPDATE {table} SET {', '.join(f'{name} = {name} - {seconds}' for name in columns)}")


@pytest.mark.answers("the same mailing run again")
def test_each_prospect_is_mailed_its_own_link_once(trigger: Trigger, tenant: Sandbox, mail: MailServer) -> None:
    links = {row["prospect_email"]: row["ticket_url"] for row in trigger(prospects_csv=csv_of("once")).rows}
    first = send(trigger, "once")
    assert (first.state, statuses(first, "once")) == ("success", ["sent"] * 3)
    mailed = {message["To"]: message.get_body(("plain",)) for message in mail.messages}
    assert mailed.keys() == links.keys()
    for address, body in mailed.items():
        text = str(body.get_content()) if body is not None else ""
        assert [link for link in links.values() if link in text] == [links[address]]
    again = send(trigger, "once")
    assert (again.state, statuses(again, "once"), len(mail.messages)) == ("success", ["skipped"] * 3, 3)
    assert all(link not in first.log and link not in again.log for link in links.values())
    assert not any(address in first.log for address in links)


@pytest.mark.answers("a link is replaced after it was mailed")
def test_after_a_link_is_replaced_the_new_one_is_mailed_and_says_so(
    trigger: Trigger, tenant: Sandbox, mail: MailServer
) -> None:
    trigger(prospects_csv=csv_of("anew", 2))
    send(trigger, "anew", 2)
    (replaced,) = trigger(prospects_csv=csv_of("anew", 1), on_existing="reissue").rows
    run = send(trigger, "anew", 2)
    assert statuses(run, "anew") == ["sent", "skipped"]
    assert deliveries(run)["anew-0"]["kind"] == "replacement"
    text = str(mail.messages[-1].get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert replaced["ticket_url"] in text
    assert "no longer works" in text


@pytest.mark.answers("an address is corrected in the file, or a row is taken out")
def test_the_wrong_address_is_mailed_too_unless_its_link_is_revoked(
    trigger: Trigger, tenant: Sandbox, mail: MailServer
) -> None:
    trigger(prospects_csv=csv_of("typo", 2))
    corrected = csv_of("typo", 2).replace("it0@", "admin@")
    trigger(prospects_csv="\n".join(corrected.splitlines()[:2]))
    send(trigger, "typo", 2)
    assert sorted(message["To"] for message in mail.messages) == [
        "admin@typo.example",
        "it0@typo.example",
        "it1@typo.example",
    ]

    mail.mails.clear()
    trigger(prospects_csv=csv_of("typo2", 1))
    trigger(prospects_csv=csv_of("typo2", 1).replace("it0@", "admin@"), one_link_per_connection=True)
    send(trigger, "typo2", 1)
    assert [message["To"] for message in mail.messages] == ["admin@typo2.example"]


@pytest.mark.answers("a name or a language is corrected in the file")
def test_a_mail_has_the_name_and_the_language_with_which_its_link_was_created(
    trigger: Trigger, tenant: Sandbox, mail: MailServer
) -> None:
    before, after = (
        f"{HEAD},language\norg_words000000,Company,{name},it@words.example,words-0,{language}"
        for name, language in (("Ada", "en"), ("Bob", "de"))
    )
    trigger(prospects_csv=before)
    (kept,) = trigger(prospects_csv=after).rows
    send(trigger, "words", 1)
    (renewed,) = trigger(prospects_csv=after, on_existing="reissue").rows
    send(trigger, "words", 1)
    assert (kept["status"], renewed["status"]) == ("reused", "created")
    first, second = (str(mail.get_body(("plain",)).get_content()) for mail in mail.messages)  # type: ignore[union-attr]
    assert "Hello Ada," in first
    assert "Guten Tag Bob," in second


@pytest.mark.answers("who has finished, or opened the link, is due for a reminder")
def test_after_three_days_who_has_neither_opened_nor_finished_is_reminded_once(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, home: Path
) -> None:
    created = trigger(prospects_csv=csv_of("remind"), enabled_clients=["client-1"], ttl_sec=432_000)
    send(trigger, "remind")
    trigger("follow_sso_setups")
    early = send(trigger, "remind")
    assert statuses(early, "remind") == ["skipped"] * 3, "three days have not passed"

    pass_time(home, 3.5 * DAY)
    tickets = {ticket.connection_name: ticket.id for ticket in tenant.tickets}
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        Customer(http, tickets["remind-0"], "okta", 1).opens_it()
        Customer(http, tickets["remind-1"], "okta", 2).finishes()
    trigger("follow_sso_setups")
    run = send(trigger, "remind")
    assert (run.state, statuses(run, "remind")) == ("success", ["skipped", "skipped", "sent"])
    assert deliveries(run)["remind-2"]["kind"] == "reminder"
    links = {row["connection_name"]: row["ticket_url"] for row in created.rows}
    reminder = mail.messages[-1]
    assert reminder["To"] == "it2@remind.example"
    assert links["remind-2"] in str(reminder.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert len(mail.messages) == 4

    pass_time(home, 0.4 * DAY)
    trigger("follow_sso_setups")
    again = send(trigger, "remind")
    assert (statuses(again, "remind"), len(mail.messages)) == (["skipped"] * 3, 4), "one reminder is enough"


@pytest.mark.answers("mailing is triggered by hand before a run has mailed by itself")
def test_the_first_run_by_hand_says_whose_links_were_mailed_by_hand(
    trigger: Trigger, tenant: Sandbox, mail: MailServer
) -> None:
    trigger(prospects_csv=csv_of("hand"))
    run = trigger("mail_sso_tickets")
    assert (run.state, run.states("send_mails")) == ("failed", ["upstream_failed"])
    assert "Say created_after" in run.log
    later = trigger("mail_sso_tickets", kind="new", created_after="2100-01-01T00:00:00Z")
    assert set(statuses(later, "hand")) == {"skipped"}
    assert mail.messages == []


class Started(NamedTuple):
    """How Airflow starts a run."""

    run_type: str
    run_after: datetime
    dag_id: str = "mail_sso_tickets"
    run_id: str = "by itself"
    start_date: datetime | None = None


def selected(home: Path, started: Started, *events: SimpleNamespace) -> MailPlan:
    """Return what a run selects that Airflow starts by itself."""
    reference = select(params_of(home), started, *events)
    return mail_tickets.read_plan(run_folder(home / "reports", started), reference)


def params_of(home: Path, **given: Any) -> dict[str, Any]:
    defaults = {name: spec["default"] for name, spec in MAIL_PARAMS.items()}
    return defaults | {"report_uri": str(home / "reports")} | given


def select(params: dict[str, Any], started: Started, *events: SimpleNamespace) -> dict[str, str]:
    """Run the task ``select_mails``."""
    import mail_sso_tickets

    return mail_sso_tickets.select_mails.function(  # type: ignore[no-any-return]
        params=params,
        ti=SimpleNamespace(xcom_push=lambda key, value: None),
        dag=SimpleNamespace(params=params),
        dag_run=started,
        triggering_asset_events={"reports": events},
    )


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered", "backfill"])
def test_a_run_that_starts_late_mails_no_link_that_may_have_been_mailed_by_hand(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, home: Path, run_type: str
) -> None:
    trigger(prospects_csv=csv_of("late"))
    of_another_dag = report_event(dag_id="somebody_elses_dag")
    plan = selected(home, Started(run_type, datetime(2020, 1, 1, tzinfo=UTC)), of_another_dag)
    assert {mail.kind for mail in plan.mails} <= {None, MailKind.REMINDER}


def test_the_report_of_a_dry_run_mails_nobody(trigger: Trigger, tenant: Sandbox, mail: MailServer, home: Path) -> None:
    run = trigger(prospects_csv=csv_of("dryreport"), dry_run=True)
    started = Started("asset_triggered", datetime.now(UTC))
    assert selected(home, started, report_event(run.dag_id, run.run_id, dry_run=True)).is_dry_run


def report_event(dag_id: str, run_id: str = "run-1", *, dry_run: bool = False) -> SimpleNamespace:
    extra = {"report_uri": "/reports", "summary": {}, "dry_run": dry_run}
    return SimpleNamespace(source_dag_id=dag_id, source_run_id=run_id, extra=extra, timestamp=datetime.now(UTC))


@pytest.mark.answers("the task `send_mails` is marked failed while it runs")
def test_the_report_waits_for_a_process_that_still_mails_after_its_task_was_marked_failed(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, home: Path
) -> None:
    import mail_sso_tickets

    trigger(prospects_csv=csv_of("marked", 1))
    started = Started("manual", datetime.now(UTC), run_id="marked")
    params = params_of(home, organization_ids=["org_marked000000"])
    reference = select(params, started)
    folder = run_folder(home / "reports", started)
    (planned,) = mail_tickets.read_plan(folder, reference).mails
    with closing(open_ledger()) as ledger:
        log = DeliveryLog(ledger.database, Auth0Hook().settings.domain)
        attempt = RunAttempt.of(started)
        under_way = Delivery(
            key=planned.key,
            created_at=planned.created_at,
            kind=MailKind.INVITATION,
            number=1,
            status=DeliveryStatus.POSSIBLY_SENT,
            begun_at=ledger.now(),
            message_id="<1@acme.example>",
            run=attempt.run,
            installation=attempt.installation,
            error="The task was ended while it handed the mail over, so it is not known whether it was sent.",
        )
        log.begin(under_way)
        accepted = replace(under_way, status=DeliveryStatus.SENT, sent_at=ledger.now(), error="")
        threading.Timer(1.5, log.finish, [accepted]).start()
        ti = SimpleNamespace(
            dag_id=started.dag_id,
            run_id=started.run_id,
            get_task_states=lambda *_, **__: {started.run_id: {"send_mails": "failed"}},
        )
        list(mail_sso_tickets.export_report.function(reference, params=params, ti=ti, dag_run=started))
    with (folder / "deliveries.csv").open(encoding="utf-8-sig", newline="") as lines:
        assert [(row["status"], row["error"]) for row in csv.DictReader(lines)] == [("sent", "")]


def test_a_dry_run_says_who_would_get_what(trigger: Trigger, tenant: Sandbox, mail: MailServer) -> None:
    trigger(prospects_csv=csv_of("dry"))
    run = send(trigger, "dry", dry_run=True)
    assert (run.state, statuses(run, "dry"), mail.messages) == ("success", ["planned"] * 3, [])


def test_without_a_sender_nobody_is_mailed(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSO_TICKETS_MAIL_FROM")
    trigger(prospects_csv=csv_of("off"))
    run = send(trigger, "off")
    assert (run.state, mail.messages) == ("failed", [])
    assert "Mailing is off: set SSO_TICKETS_MAIL_FROM" in run.log


@pytest.mark.answers("the mail server refuses a mail for good")
@pytest.mark.answers("the mail server's answer is lost")
@pytest.mark.parametrize(
    ("place", "reply", "status", "state"),
    [(Place.RCPT, "550 no such user", "refused", "success"), (Place.AFTER_TEXT, "", "possibly_sent", "failed")],
)
def test_what_the_mail_server_does_is_in_the_report_and_not_repeated(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, place: Place, reply: str, status: str, state: str
) -> None:
    name = f"fault{status[:2]}"
    trigger(prospects_csv=csv_of(name, 1))
    mail.fault(place, reply=reply, drops=not reply, times=1)
    run = send(trigger, name, 1)
    assert (statuses(run, name), run.state) == ([status], state)
    again = send(trigger, name, 1)
    assert (statuses(again, name), again.state) == (["skipped"], "success")
    once_more = send(trigger, name, 1, resend=True)
    assert statuses(once_more, name) == ["sent"]


def test_no_address_and_no_link_is_where_it_may_not_be(
    trigger: Trigger, tenant: Sandbox, mail: MailServer, home: Path
) -> None:
    addresses = {f"address {row}": f"it{row}@scan.example" for row in range(3)}
    trigger(prospects_csv=csv_of("scan"))
    links = scan.tickets_of(tenant)
    said = f"550 <{addresses['address 0']}> {links['ticket 0']} {links['ticket id 0']} it0@scan.example"
    mail.fault(Place.RCPT, reply=said, times=1)
    mail.fault(Place.AFTER_TEXT, drops=True, times=1)
    run = send(trigger, "scan")
    assert statuses(run, "scan") == ["refused", "possibly_sent", "sent"]

    of_airflow = scan.in_database(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))
    of_mailing = {place: text for place, text in of_airflow.items() if place.startswith("xcom.value of mail_sso")}
    of_ledger = scan.in_database(home / "sso_tickets.db")
    kept = {place: text for place, text in of_ledger.items() if place.startswith("sso_deliveries.")}
    assert "xcom.value of mail_sso_tickets.select_mails[plan]" in of_mailing
    assert scan.find({"a Message-ID": mail.messages[-1]["Message-ID"]}, kept), "what is kept is searched"
    report = scan.in_files(run.report, skip=lambda file: file.name == "deliveries.xlsx")
    assert scan.find(addresses, {"": report.pop("deliveries.csv")}), "that is where they may be"
    places = {**of_mailing, **kept, **report, "log": run.log.encode()}
    assert scan.find(addresses | links, places) == set()

    csv_file = {"deliveries.csv": (run.report / "deliveries.csv").read_bytes()}
    elsewhere = {place: text for place, text in of_airflow.items() if "create_sso_tickets" not in place}
    assert scan.find(links, csv_file | elsewhere | of_ledger) == set()
