"""The steps of a run that mails links: what is checked before, whom it mails, and what it keeps and reports."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from auth0_sso.models import DeliveryStatus, MailKind, MailOptions, MailOutcome, MailPlan, PlannedMail

from include import mail_tickets
from include.check_outcome import Exported
from include.files import ChangedFileError
from include.mail import MailSettingError, MailTemplateError
from include.mail_tickets import MailingError
from include.params import MAIL_PARAMS

SENDER = "Acme onboarding <sso@acme.example>"
NOON = 1_796_126_400.0  # 1 December 2026, 12:00 UTC
OPTIONS = MailOptions(
    kinds=(MailKind.INVITATION, MailKind.REMINDER), created_after=NOON + 0.123456, organization_ids=["org_1"]
)
MAILS = [
    PlannedMail(key="ada", created_at=NOON + 0.654321, kind=MailKind.INVITATION, number=1, reason=""),
    PlannedMail(key="bob", created_at=NOON, kind=MailKind.REMINDER, number=2, reason=""),
    PlannedMail(key="cat", created_at=0.0, kind=None, number=0, reason="it has no link"),
]
PLAN = MailPlan(tenant="acme.example.com", ledger_id="ledger-1", options=OPTIONS, mails=MAILS)
RUN = SimpleNamespace(dag_id="mail_sso_tickets", run_id="manual__1", start_date=None)


def params(**changes: Any) -> dict[str, Any]:
    """Return a run's parameters; those that don't change have their defaults."""
    return {name: spec["default"] for name, spec in MAIL_PARAMS.items()} | changes


@pytest.fixture(autouse=True)
def sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the sender, and nothing else."""
    for name in ("REPLY_TO", "TEMPLATES"):
        monkeypatch.delenv(f"SSO_TICKETS_MAIL_{name}", raising=False)
    monkeypatch.delenv("SSO_TICKETS_LINK_PAGE", raising=False)
    monkeypatch.setenv("SSO_TICKETS_MAIL_FROM", SENDER)


class TestBeforeAnybodyIsMailed:
    def test_the_shipped_templates_and_a_sender_are_enough(self) -> None:
        mail_tickets.check_before_mailing(params())
        assert mail_tickets.read_settings() == mail_tickets.MailSettings(SENDER)
        assert mail_tickets.read_settings().address == "sso@acme.example"

    @pytest.mark.parametrize("value", ["", "  "])
    def test_without_a_sender_mailing_is_off(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("SSO_TICKETS_MAIL_FROM", value)
        with pytest.raises(MailingError, match=r"^Mailing is off: set SSO_TICKETS_MAIL_FROM"):
            mail_tickets.check_before_mailing(params())

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SSO_TICKETS_MAIL_FROM", "Acme"),
            ("SSO_TICKETS_MAIL_FROM", "a@acme.example, b@acme.example"),
            ("SSO_TICKETS_MAIL_FROM", "a@acme.example <b@acme.example>"),
            ("SSO_TICKETS_MAIL_FROM", "Acme <a@acme.example> sales"),
            ("SSO_TICKETS_MAIL_REPLY_TO", "a@acme.example; b@acme.example"),
            ("SSO_TICKETS_MAIL_REPLY_TO", "nobody"),
            ("SSO_TICKETS_LINK_PAGE", "http://acme.example/sso/"),
            ("SSO_TICKETS_LINK_PAGE", "https://acme.example/sso/#top"),
        ],
    )
    def test_a_setting_that_is_wrong_is_named(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(MailSettingError, match=name):
            mail_tickets.check_before_mailing(params())

    def test_a_template_that_is_wrong_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "reminder.subject.j2").write_text("{{ lnik }}")
        monkeypatch.setenv("SSO_TICKETS_MAIL_TEMPLATES", str(tmp_path))
        with pytest.raises(MailTemplateError, match=r"reminder\.subject\.j2"):
            mail_tickets.check_before_mailing(params())

    @pytest.mark.parametrize("ids", [[], None, [" "]])
    def test_mailing_again_needs_to_know_whom(self, ids: list[str] | None) -> None:
        with pytest.raises(MailingError, match="resend mails links again, so it needs organization_ids"):
            mail_tickets.check_before_mailing(params(resend=True, organization_ids=ids))
        mail_tickets.check_before_mailing(params(resend=True, organization_ids=["org_1"]))
        with pytest.raises(MailingError, match="resend mails no reminders"):
            mail_tickets.check_before_mailing(params(resend=True, organization_ids=["org_1"], kind="reminder"))


class TestWhomARunMails:
    @pytest.mark.parametrize(
        ("given", "since", "after"),
        [
            ({}, NOON, NOON),
            ({"created_after": "2026-12-01T13:00:00+01:00"}, None, NOON),
            ({"created_after": "2026-12-01T12:00:00Z"}, 5.0, NOON),
            ({"created_after": "2026-12-01T12:00:00"}, None, NOON),
            ({"created_after": "2026-12-01"}, None, NOON - 43_200),
            ({"created_after": ""}, NOON, NOON),
            ({"organization_ids": ["org_1"]}, None, None),
            ({"organization_ids": ["org_1"]}, NOON, None),
            ({"organization_ids": ["org_1"], "created_after": "2026-12-01T12:00:00Z"}, None, NOON),
        ],
    )
    def test_links_count_from_a_time_on_that_somebody_has_said(
        self, given: dict[str, Any], since: float | None, after: float | None
    ) -> None:
        assert mail_tickets.options(params(**given), since).created_after == after

    @pytest.mark.parametrize("ids", [[], None, ["", " "]])
    def test_if_nobody_has_said_it_the_run_mails_nobody(self, ids: list[str] | None) -> None:
        with pytest.raises(MailingError, match="Say created_after"):
            mail_tickets.options(params(organization_ids=ids), None)

    @pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "1796126400", "9999-12-31T23:59:59-14:00"])
    def test_what_is_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(MailingError, match=f"created_after is '{text}', which is no time"):
            mail_tickets.options(params(created_after=text), NOON)

    @pytest.mark.parametrize(
        ("kind", "kinds"),
        [
            ("all", {"invitation", "replacement", "reminder"}),
            ("new", {"invitation", "replacement"}),
            ("reminder", {"reminder"}),
        ],
    )
    def test_the_other_parameters_are_taken_as_they_are(self, kind: str, kinds: set[str]) -> None:
        given = {"organization_ids": [" org_1 ", ""], "remind_after_days": 7, "most_reminders": 2, "resend": True}
        options = mail_tickets.options(params(kind=kind, **given), None)
        assert set(map(str, options.kinds)) == kinds
        assert options == MailOptions(
            kinds=options.kinds,
            created_after=None,
            organization_ids=["org_1"],
            remind_after_days=7,
            most_reminders=2,
            resend=True,
        )


def report_event(run: str, hour: float, **extra: Any) -> SimpleNamespace:
    timestamp = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(hours=hour)
    return SimpleNamespace(source_dag_id="dag", source_run_id=run, timestamp=timestamp, extra=extra)


def test_the_reports_that_start_a_run_are_sorted_by_time_and_those_of_dry_runs_left_out() -> None:
    late, dry, early = (
        report_event("late", 3, dry_run=False),
        report_event("dry", 4, dry_run=True),
        report_event("e", 1),
    )
    assert mail_tickets.triggering_reports({"a": [late, dry], "b": [early]}) == ["dag/e", "dag/late"]
    assert mail_tickets.triggering_reports({}) == []


@pytest.mark.parametrize("is_dry", [False, True])
def test_reports_that_came_long_before_the_newest_start_nothing(is_dry: bool) -> None:
    newest = report_event("newest", 0, dry_run=is_dry)
    events = [report_event("weeks ago", -500), report_event("a day ago", -36), newest, report_event("older", -36.1)]
    runs = ["dag/a day ago"] if is_dry else ["dag/a day ago", "dag/newest"]
    assert mail_tickets.triggering_reports({"reports": events}) == runs
    assert not mail_tickets.is_started_by_dry_runs({"reports": events})


def test_a_run_is_started_by_dry_runs_if_all_its_reports_are_of_such() -> None:
    dry, real = report_event("dry", 1, dry_run=True), report_event("real", -99, dry_run=False)
    assert mail_tickets.is_started_by_dry_runs({"a": [dry], "b": [dry]})
    assert not mail_tickets.is_started_by_dry_runs({"a": [dry], "b": [real]})
    assert not mail_tickets.is_started_by_dry_runs({})


class TestThePlan:
    def test_it_is_read_as_it_was_kept(self, tmp_path: Path) -> None:
        reference = mail_tickets.write_plan(PLAN, tmp_path / "run")
        read = mail_tickets.read_plan(tmp_path / "run", reference)
        assert replace(read, options=replace(read.options, kinds=tuple(read.options.kinds))) == PLAN

    def test_its_mails_are_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            counts = mail_tickets.count_mails(PLAN)
        assert counts == {"invitation": 1, "replacement": 0, "reminder": 1, "none": 1}
        assert caplog.messages == ["The mails: invitation 1, replacement 0, reminder 1, none 1"]

    def test_one_that_somebody_has_changed_is_refused(self, tmp_path: Path) -> None:
        reference = mail_tickets.write_plan(PLAN, tmp_path)
        (file,) = tmp_path.rglob("mails.json")
        file.write_text(file.read_text().replace('"cat"', '"eve"'))
        with pytest.raises(ChangedFileError, match="select_mails"):
            mail_tickets.read_plan(tmp_path, reference)


class TestTheReport:
    def outcome(self, status: DeliveryStatus, error: str = "") -> MailOutcome:
        return MailOutcome(
            organization_id="org_1",
            organization_name="Acme",
            prospect_name="Ada",
            prospect_email="ada@acme.example",
            connection_name="acme",
            kind="invitation",
            status=status,
            sent_at="",
            message_id="<1@acme.example>",
            error=error,
        )

    def export(self, folder: Path, *statuses: DeliveryStatus, **changes: Any) -> Exported:
        plan = replace(PLAN, **changes)
        outcomes = [self.outcome(status, f"because {status}") for status in statuses]
        return mail_tickets.export(outcomes, plan, folder, RUN)

    def test_it_has_a_row_for_everybody_and_counts_each_status(self, tmp_path: Path) -> None:
        exported = self.export(tmp_path, *DeliveryStatus)
        with (tmp_path / "deliveries.csv").open(encoding="utf-8-sig", newline="") as lines:
            assert [row["status"] for row in csv.DictReader(lines)] == list(map(str, DeliveryStatus))
        assert {status: exported.summary[status] for status in DeliveryStatus} == dict.fromkeys(DeliveryStatus, 1)

    @pytest.mark.parametrize(
        ("changes", "says_so"),
        [
            ({}, True),
            ({"has_logs": True}, False),
            ({"options": replace(OPTIONS, kinds=(MailKind.INVITATION,))}, False),
        ],
    )
    def test_it_says_if_nobody_is_reminded_because_nothing_is_known(
        self, tmp_path: Path, changes: Mapping[str, Any], says_so: bool
    ) -> None:
        self.export(tmp_path, DeliveryStatus.SENT, **changes)
        warnings = json.loads((tmp_path / "summary.json").read_text())["warnings"]
        assert any("Nobody is reminded" in warning for warning in warnings) == says_so

    @pytest.mark.parametrize(
        ("status", "is_green"),
        [
            (DeliveryStatus.SENT, True),
            (DeliveryStatus.REFUSED, True),
            (DeliveryStatus.SKIPPED, True),
            (DeliveryStatus.PLANNED, True),
            (DeliveryStatus.FAILED, False),
            (DeliveryStatus.POSSIBLY_SENT, False),
        ],
    )
    def test_a_run_is_red_if_a_mail_failed_or_was_possibly_sent(
        self, tmp_path: Path, status: DeliveryStatus, is_green: bool
    ) -> None:
        exported = self.export(tmp_path, DeliveryStatus.SENT, status)
        if is_green:
            mail_tickets.require_sent(exported)
        else:
            with pytest.raises(MailingError, match="mails failed") as error:
                mail_tickets.require_sent(exported)
            assert f"because {status}" in str(error.value)
            assert "ada@acme.example" not in str(error.value)

    def test_a_run_without_one_is_red(self) -> None:
        with pytest.raises(MailingError, match="There is no report"):
            mail_tickets.require_sent(None)
