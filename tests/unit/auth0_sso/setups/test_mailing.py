"""Mails with links leave once each, whatever happens in between, and it is known what became of each."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from auth0_sso.exceptions import MailSettingsError, MailTransientError
from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DeliveryStatus, MailKind, Setup, SetupEvent, SetupState, SsoTicket
from auth0_sso.setups.mailing import UnknownOrganizationError, mailed_since
from sqlalchemy.exc import OperationalError

from include.mail import MailSettingError, MailTemplateError
from tests.support import databases, mailing
from tests.support.mail_server import MailServer, Place
from tests.support.mailing import OPTIONS, SETTINGS, TENANT, Mailing, add_prospects, address, kept, kept_statuses

default_ledger = databases.default_ledger

NAMES = ("ada", "bob", "cat")
HOUR = 3600.0


class TaskEnded(BaseException):
    """What Airflow raises in a task that it ends is no Exception either."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as running:
        monkeypatch.setenv(mailing.SMTP_VARIABLE, mailing.smtp_connection(running.port))
        yield running


@pytest.fixture
def run(default_ledger: Ledger, server: MailServer) -> Mailing:
    """Return a planned run for three prospects."""
    add_prospects(default_ledger, *NAMES)
    return Mailing(default_ledger).plan()


def mailed(server: MailServer) -> Counter[str]:
    """Return how many mails each prospect has got, by name."""
    return Counter(to.partition("@")[0] for mail in server.mails for to in mail.recipients)


def end_at(name: str) -> Callable[[str], None]:
    def end(to: str) -> None:
        if to == address(name):
            raise TaskEnded

    return end


def test_each_prospect_is_mailed_its_own_link_and_a_task_that_is_tried_again_mails_nobody(
    run: Mailing, server: MailServer
) -> None:
    run.send()
    run.send()
    assert mailed(server) == dict.fromkeys(NAMES, 1)
    for mail, name in zip(server.mails, NAMES, strict=True):
        body = mail.message.get_body(("plain",))
        assert body is not None
        assert re.findall(r"ticket=(\w{32})", str(body.get_content())) == [f"{name:x<32}"]
        assert mail.recipients == [address(name)]
    assert run.statuses() == dict.fromkeys(NAMES, "sent")
    assert {row.message_id for row in run.outcomes().values()} == {mail["Message-ID"] for mail in server.messages}


def test_another_run_mails_nobody_again_and_says_why(run: Mailing, server: MailServer, default_ledger: Ledger) -> None:
    run.send()
    later = Mailing(default_ledger, number=2).plan()
    later.send()
    assert mailed(server) == dict.fromkeys(NAMES, 1)
    assert {(row.status, row.error[:14]) for row in later.outcomes().values()} == {("skipped", "it was mailed ")}


def test_before_the_dialogue_begins_the_ledger_has_the_mail_as_possibly_sent(
    run: Mailing, default_ledger: Ledger
) -> None:
    seen = []
    run.before_mail = lambda to: seen.append(kept_statuses(default_ledger, to.partition("@")[0]))
    run.send()
    assert seen == [{name: [DeliveryStatus.POSSIBLY_SENT]} for name in NAMES]


@pytest.mark.parametrize(
    ("place", "reply", "status", "later"),
    [
        (Place.RCPT, "451 4.3.0 later", "failed", "sent"),
        (Place.AFTER_TEXT, "451 4.3.0 later", "failed", "sent"),
        (Place.GREETING, "421 4.3.2 busy", "failed", "sent"),
        (Place.RCPT, "550 5.1.1 no such user", "refused", "skipped"),
        (Place.AFTER_TEXT, "552 5.2.3 too long for this mailbox", "refused", "skipped"),
        (Place.AFTER_TEXT, "554 5.6.0 not wanted", "failed", "sent"),
        (Place.AFTER_TEXT, "", "possibly_sent", "skipped"),
    ],
)
def test_what_the_mail_server_does_with_a_mail_decides_whether_a_later_run_sends_it(
    run: Mailing, server: MailServer, default_ledger: Ledger, place: Place, reply: str, status: str, later: str
) -> None:
    run.planned = run.planned[:1]
    server.fault(place, reply=reply, drops=not reply, times=1)
    run.send()
    assert run.statuses() == {"ada": status}
    other = Mailing(default_ledger, number=2).plan()
    other.send()
    assert other.statuses() == {"ada": later, "bob": "sent", "cat": "sent"}
    assert [mailed(server)[name] for name in NAMES] == [int(status != "refused"), 1, 1]


def test_a_refusal_is_not_repeated_by_a_task_that_is_tried_again(run: Mailing, server: MailServer) -> None:
    server.fault(Place.RCPT, reply="550 5.1.1 no such user", times=1)
    for _ in range(2):
        run.send()
        assert run.statuses() == {"ada": "refused", "bob": "sent", "cat": "sent"}


class TestAServerThatTakesNoMail:
    @pytest.mark.answers("the mail server refuses everybody, or begins to")
    def test_that_refuses_everybody_is_at_fault_and_the_next_run_mails_them(
        self, run: Mailing, server: MailServer, default_ledger: Ledger
    ) -> None:
        server.fault(Place.RCPT, reply="554 5.7.1 Relay access denied", times=3)
        with pytest.raises(MailSettingsError, match="taken none of 3 mails in a row, so it may refuse every mail"):
            run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "failed")
        later = Mailing(default_ledger, number=2).plan()
        later.send()
        assert later.statuses() == dict.fromkeys(NAMES, "sent")
        assert mailed(server) == dict.fromkeys(NAMES, 1)

    @pytest.mark.parametrize(
        "reply", ["550 5.1.1 no such user", "552 5.2.2 full", "550 no such user", "553 <cat@customer.example> unknown"]
    )
    def test_it_is_not_if_it_says_that_the_recipients_are(self, run: Mailing, server: MailServer, reply: str) -> None:
        server.fault(Place.RCPT, reply=reply, times=3)
        run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "refused")

    @pytest.mark.parametrize(
        ("skips", "statuses"),
        [(0, ["refused", "refused", "sent"]), (1, ["sent", "failed", "failed"]), (2, ["sent", "sent", "failed"])],
    )
    def test_it_is_not_if_it_takes_another_mail_afterwards(
        self, run: Mailing, server: MailServer, default_ledger: Ledger, skips: int, statuses: list[str]
    ) -> None:
        server.fault(Place.RCPT, reply="554 5.7.1 denied", times=2, skips=skips)
        run.send()
        assert list(run.statuses().values()) == statuses
        while server.next_fault(Place.RCPT):
            pass
        later = Mailing(default_ledger, number=2).plan()
        later.send()
        assert list(later.statuses().values()) == ["sent" if one == "failed" else "skipped" for one in statuses]

    @pytest.mark.parametrize(
        ("place", "reply"),
        [
            (Place.RCPT, "554 5.7.1 Relay access denied"),
            (Place.RCPT, "554 who are you"),
            (Place.RCPT, "550 Relaying Denied"),
            (Place.RCPT, "550 blocked by our policy"),
            (Place.AFTER_TEXT, "550 not wanted"),
        ],
    )
    @pytest.mark.parametrize("names", [("ada",), ("ada", "bob")])
    def test_a_run_of_few_mails_is_red_too_and_the_next_one_mails_them(
        self, default_ledger: Ledger, server: MailServer, names: tuple[str, ...], place: Place, reply: str
    ) -> None:
        add_prospects(default_ledger, *names)
        for number in (1, 2):
            run = Mailing(default_ledger, number).plan()
            server.fault(place, reply=reply, times=len(names))
            run.send()
            assert run.statuses() == dict.fromkeys(names, "failed")
            assert reply in run.outcomes()["ada"].error
        later = Mailing(default_ledger, number=3).plan()
        later.send()
        assert later.statuses() == dict.fromkeys(names, "sent")

    def test_that_begins_to_refuse_everybody_is_at_fault_too(self, default_ledger: Ledger, server: MailServer) -> None:
        names = [*"abcdefgh"]
        add_prospects(default_ledger, *names)
        run = Mailing(default_ledger).plan()
        server.fault(Place.RCPT, reply="554 5.7.1 Your account is suspended", skips=1, times=6)
        for _ in range(2):  # the second time, none is taken
            with pytest.raises(MailSettingsError, match="taken none of 3 mails in a row"):
                run.send()
        assert run.statuses() == {name: "sent" if name == "a" else "failed" for name in names}
        run.send()
        assert run.statuses() == dict.fromkeys(names, "sent")
        assert mailed(server) == dict.fromkeys(names, 1)

    def test_those_that_have_failed_and_others_are_mailed_by_turns_so_that_it_is_known_who_is_at_fault(
        self, run: Mailing, server: MailServer, default_ledger: Ledger
    ) -> None:
        server.fault(Place.RCPT, reply="550 5.7.1 blocked", times=3)
        with pytest.raises(MailSettingsError):
            run.send()
        add_prospects(default_ledger, "dan", "eve")
        later = Mailing(default_ledger, number=2).plan()
        for skips in (0, 1, 1):
            server.fault(Place.RCPT, reply="550 5.7.1 blocked", skips=skips, times=1)
        later.send()
        assert later.statuses() == {"ada": "refused", "bob": "refused", "cat": "failed", "dan": "sent", "eve": "sent"}

    def test_replies_of_several_kinds_in_a_row_are_tried_again(self, run: Mailing, server: MailServer) -> None:
        server.fault(Place.RCPT, reply="451 4.3.0 later", times=2)
        server.fault(Place.RCPT, reply="554 5.7.1 denied", times=1)
        with pytest.raises(MailTransientError, match="taken none of 3 mails in a row"):
            run.send()

    def test_an_address_that_can_not_be_used_is_no_sign_that_it_works(
        self, default_ledger: Ledger, server: MailServer
    ) -> None:
        add_prospects(default_ledger, "ada", "bob", "dan", "eve")
        add_prospects(default_ledger, "cat", prospect_email="kät@customer.example")
        run = Mailing(default_ledger).plan()
        server.fault(Place.RCPT, reply="451 4.3.0 later", times=9)
        with pytest.raises(MailTransientError, match="taken none of 3 mails in a row"):
            run.send()

    def test_what_a_killed_task_was_refused_is_tried_again(self, run: Mailing, server: MailServer) -> None:
        server.fault(Place.RCPT, reply="554 5.7.1 denied", times=2)
        run.before_mail = end_at("cat")
        with pytest.raises(TaskEnded):
            run.send()
        run.before_mail = lambda _to: None
        assert run.statuses() == dict.fromkeys(NAMES, "failed")
        run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "sent")

    def test_prospects_who_can_not_be_mailed_do_not_keep_the_others_from_it(
        self, default_ledger: Ledger, server: MailServer
    ) -> None:
        add_prospects(default_ledger, "ada", "bob", "cat", "dan", "eve")
        run = Mailing(default_ledger).plan()
        server.fault(Place.RCPT, reply="450 4.1.2 Domain not found", times=3)
        with pytest.raises(MailTransientError, match="taken none of 3 mails in a row"):
            run.send()
        assert mailed(server) == {}
        for skips in (0, 1, 1):
            server.fault(Place.RCPT, reply="450 4.1.2 Domain not found", times=1, skips=skips)
        run.send()
        assert mailed(server) == {"dan": 1, "eve": 1}
        assert run.statuses() == dict.fromkeys(NAMES, "failed") | {"dan": "sent", "eve": "sent"}


def test_a_result_is_recorded_although_the_ledger_is_away_for_a_moment(
    run: Mailing, server: MailServer, default_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, failures = DeliveryLog.finish, [OperationalError("UPDATE", {}, Exception("server closed the connection"))]

    def sometimes(log: DeliveryLog, delivery: Delivery) -> None:
        if failures:
            raise failures.pop()
        finish(log, delivery)

    monkeypatch.setattr(DeliveryLog, "finish", sometimes)
    run.send()
    assert failures == []
    assert run.statuses() == dict.fromkeys(NAMES, "sent")


def test_if_a_whole_run_is_cleared_its_report_still_has_what_became_of_its_mails(
    run: Mailing, server: MailServer, default_ledger: Ledger
) -> None:
    server.fault(Place.AFTER_TEXT, drops=True, times=1)
    run.send()
    before = run.outcomes()
    cleared = Mailing(default_ledger).plan()
    cleared.send()
    assert cleared.outcomes() == before
    assert cleared.statuses() == {"ada": "possibly_sent", "bob": "sent", "cat": "sent"}


def test_a_task_without_its_supervisor_mails_nobody_else(
    default_ledger: Ledger, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_prospects(default_ledger, *NAMES)
    parents = [1001, 1001, 1]
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    with pytest.raises(MailTransientError, match="The process that supervises the task is gone"):
        mailing.mail_all(1, OPTIONS)
    assert mailed(server) == {"ada": 1}


def test_an_organization_without_prospects_is_an_error_that_names_it(default_ledger: Ledger) -> None:
    add_prospects(default_ledger, "ada")
    with pytest.raises(
        UnknownOrganizationError, match=r"no prospect of org_b, org_typo in the tenant .* organization_"
    ):
        Mailing(default_ledger, options=replace(OPTIONS, organization_ids=["org_ada", "org_typo", "org_b"])).plan()


class TestATaskThatIsEnded:
    def test_before_the_text_leaves_has_not_sent_the_mail(self, run: Mailing, server: MailServer) -> None:
        run.before_mail = end_at("bob")
        with pytest.raises(TaskEnded):
            run.send()
        assert run.statuses() == {"ada": "sent", "bob": "failed", "cat": "failed"}
        assert "before the mail's text began to leave" in run.outcomes()["bob"].error
        run.before_mail = lambda _to: None
        run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "sent")
        assert mailed(server) == dict.fromkeys(NAMES, 1)

    def test_while_the_text_leaves_has_possibly_sent_it(self, run: Mailing, server: MailServer) -> None:
        run.in_text = end_at("bob")
        with pytest.raises(TaskEnded):
            run.send()
        assert run.statuses() == {"ada": "sent", "bob": "possibly_sent", "cat": "failed"}
        run.in_text = lambda _to: None
        run.send()
        assert run.statuses() == {"ada": "sent", "bob": "possibly_sent", "cat": "sent"}
        assert mailed(server) == {"ada": 1, "cat": 1}

    def test_before_another_attempt_has_not_sent_it(self, run: Mailing, server: MailServer) -> None:
        server.fault(Place.AFTER_TEXT, reply="451 4.7.1 greylisted", times=1)
        run.in_backoff = end_at("ada")
        with pytest.raises(TaskEnded):
            run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "failed")
        run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "sent")
        assert mailed(server) == dict.fromkeys(NAMES, 1)

    def test_when_it_sends_links_again_sends_none_a_third_time(
        self, run: Mailing, server: MailServer, default_ledger: Ledger
    ) -> None:
        run.send()
        again = Mailing(default_ledger, 2, replace(OPTIONS, resend=True, created_after=None)).plan()
        again.before_mail = end_at("cat")
        with pytest.raises(TaskEnded):
            again.send()
        again.before_mail = lambda _to: None
        for _ in range(2):
            again.send()
            again.plan()  # as if the whole run was cleared
        assert mailed(server) == dict.fromkeys(NAMES, 2)
        assert again.statuses() == dict.fromkeys(NAMES, "sent")


class TestASettingThatIsWrong:
    @pytest.mark.parametrize(
        ("place", "reply"), [(Place.MAIL, "550 5.7.1 not this sender"), (Place.AFTER_TEXT, "530 5.7.0 login first")]
    )
    def test_on_the_mail_server_leaves_this_mail_and_the_others_unsent(
        self, run: Mailing, server: MailServer, place: Place, reply: str
    ) -> None:
        server.fault(place, reply=reply, skips=1, times=1)
        with pytest.raises(MailSettingsError, match=reply[:3]):
            run.send()
        assert run.statuses() == {"ada": "sent", "bob": "failed", "cat": "failed"}
        assert reply[:3] in run.outcomes()["bob"].error
        run.send()
        assert run.statuses() == dict.fromkeys(NAMES, "sent")
        assert mailed(server) == dict.fromkeys(NAMES, 1)

    def test_in_the_environment_begins_no_mail(
        self, run: Mailing, server: MailServer, default_ledger: Ledger, tmp_path: Path
    ) -> None:
        (tmp_path / "invitation.txt.j2").write_text("{{ no_such_value }}")
        wrong = {
            MailSettingError: replace(SETTINGS, reply_to="nobody"),
            MailTemplateError: replace(SETTINGS, templates=str(tmp_path)),
        }
        for error, settings in wrong.items():
            run.settings = settings
            with pytest.raises(error):
                run.send()
        run.settings = replace(SETTINGS, link_page="http://page.example/")
        with pytest.raises(MailSettingError, match="SSO_TICKETS_LINK_PAGE"):
            run.send()
        assert (kept(default_ledger, *NAMES), server.commands) == ({}, [])
        assert run.statuses() == dict.fromkeys(NAMES, "failed")


@pytest.mark.parametrize("bad", ["ädä@customer.example", "ada", "ada@customer.example, bob@customer.example"])
def test_an_address_that_no_mail_server_takes_is_refused_and_the_others_are_mailed(
    default_ledger: Ledger, server: MailServer, bad: str
) -> None:
    add_prospects(default_ledger, "ada", prospect_email=bad)
    add_prospects(default_ledger, "bob")
    run = Mailing(default_ledger).plan()
    run.send()
    assert run.statuses() == {"ada": "refused", "bob": "sent"}
    assert run.outcomes()["ada"].error.startswith("No mail can be sent to the address of this prospect")
    assert mailed(server) == {"bob": 1}


class TestAPlanThatIsOld:
    def revoke(self, ledger: Ledger) -> None:
        entry = ledger.entries(["ada"])["ada"]
        ledger.record_revoked(ledger.record_revoking(entry, "revoke_sso_tickets/run-1"))

    def replace_link(self, ledger: Ledger) -> None:
        entry = ledger.entries(["ada"])["ada"]
        ticket = SsoTicket(f"https://{TENANT}/self-service/connections-flow?ticket={'new':x<32}")
        ledger.record_created(entry, ticket, sent_at=ledger.now(), ttl=432_000)

    def use_up(self, ledger: Ledger) -> None:
        """Let the link have been opened too often."""
        now = ledger.now()
        events = [
            SetupEvent(str(number), now - 60, "ss_sso_ticket_consumption", True, "ada", "create", "")
            for number in range(10)
        ]
        SetupLog(ledger.database, TENANT).add_events(events, ReadTime(now - HOUR, now))

    def mail(self, ledger: Ledger) -> None:
        Mailing(ledger, number=9).plan().send()

    CHANGES = (
        ("revoke", "its link is revoked", 0),
        ("replace_link", "its link was replaced meanwhile", 0),
        ("use_up", "its link is used up", 0),
        ("mail", "it was mailed on", 1),
    )

    @pytest.mark.parametrize(("change", "reason", "mails"), CHANGES)
    def test_of_a_link_that_has_changed_mails_nothing(
        self, run: Mailing, server: MailServer, default_ledger: Ledger, change: str, reason: str, mails: int
    ) -> None:
        getattr(self, change)(default_ledger)
        run.send()
        assert (mailed(server)["ada"], mailed(server)["bob"]) == (mails, 1)
        row = run.outcomes()["ada"]
        assert (row.status, row.error[: len(reason)]) == ("skipped", reason)

    @pytest.mark.parametrize(("change", "reason", "mails"), CHANGES)
    def test_of_a_link_that_changes_before_its_turn_mails_nothing(
        self, run: Mailing, server: MailServer, default_ledger: Ledger, change: str, reason: str, mails: int
    ) -> None:
        changes = iter([lambda: getattr(self, change)(default_ledger)])
        run.pause = lambda: next(changes, lambda: None)()
        run.send()
        assert (mailed(server)["ada"], run.outcomes()["ada"].status) == (mails, "skipped")


class TestAMailThatFailed:
    @pytest.fixture
    def failed(self, run: Mailing, server: MailServer) -> Mailing:
        """Return a run whose first mail was not taken."""
        server.fault(Place.RCPT, reply="451 4.3.0 later", times=1)
        run.send()
        assert run.statuses()["ada"] == "failed"
        return run

    def test_and_that_another_run_has_sent_is_left_to_that_run(self, failed: Mailing, default_ledger: Ledger) -> None:
        Mailing(default_ledger, number=2).plan().send()
        failed.send()
        row = failed.outcomes()["ada"]
        assert (row.status, row.error[:17]) == ("skipped", "it was mailed on ")

    def test_and_that_another_run_has_sent_days_ago_is_no_reminder(
        self, failed: Mailing, default_ledger: Ledger
    ) -> None:
        Mailing(default_ledger, number=2).plan().send()
        follow_unopened(default_ledger, "ada")
        failed.options = replace(OPTIONS, remind_after_days=0)
        row = failed.outcomes()["ada"]
        assert (row.status, row.error.split("; before, it failed: ")[0]) == (
            "skipped",
            "another run has mailed it meanwhile",
        )

    def test_and_whose_link_is_revoked_is_not_to_be_sent_any_more(
        self, failed: Mailing, default_ledger: Ledger
    ) -> None:
        entry = default_ledger.entries(["ada"])["ada"]
        default_ledger.record_revoked(default_ledger.record_revoking(entry, "revoke_sso_tickets/run-1"))
        failed.send()
        row = failed.outcomes()["ada"]
        assert row.status == "skipped"
        assert row.error.startswith("its link is revoked; before, it failed: Attempts to send it: 1. The mail server")


def test_a_reminder_is_decided_by_what_is_known_when_it_is_to_leave(
    default_ledger: Ledger, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_prospects(default_ledger, "ada", created_at=default_ledger.now() - 86_400)
    Mailing(default_ledger).plan().send()
    follow_unopened(default_ledger, "ada")
    reminding = Mailing(default_ledger, 2, replace(OPTIONS, remind_after_days=0)).plan()
    assert [one.kind for one in reminding.planned] == [MailKind.REMINDER]
    two_days_later = default_ledger.now() + 1.9 * 86_400
    monkeypatch.setattr(default_ledger.database.clock, "now", lambda: two_days_later)
    reminding.send()
    assert mailed(server) == {"ada": 1}


def test_there_is_a_pause_before_each_mail_and_none_for_those_that_are_not_wanted(
    run: Mailing, server: MailServer
) -> None:
    pauses: list[int] = []
    run.pause = lambda: pauses.append(len(server.mails))
    run.send()
    run.send()
    assert pauses == [0, 1, 2]


def test_mails_leave_at_the_pace_of_the_run(default_ledger: Ledger, server: MailServer) -> None:
    add_prospects(default_ledger, *"abcde")
    began = time.monotonic()
    mailing.mail_all(1, OPTIONS, mails_per_minute=600)
    assert len(server.mails) == 5
    assert 0.35 <= time.monotonic() - began < 5


def test_the_message_id_has_the_senders_domain_in_dns_form_and_is_the_same_when_a_mail_is_sent_again(
    default_ledger: Ledger, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "SETTINGS", replace(SETTINGS, sender="Müller <sso@müller.example>"))
    add_prospects(default_ledger, "ada")
    mailing.mail_all(1, OPTIONS)
    mailing.mail_all(2, replace(OPTIONS, resend=True))
    first, second = (message["Message-ID"] for message in server.messages)
    assert first == second
    assert re.fullmatch(r"<[0-9a-f]{32}@xn--mller-kva\.example>", first)
    assert {mail.sender for mail in server.mails} == {"sso@xn--mller-kva.example"}


def test_each_reminder_of_a_link_has_its_own_message_id(default_ledger: Ledger, server: MailServer) -> None:
    add_prospects(default_ledger, "ada", created_at=default_ledger.now() - 4 * 86_400)
    options = replace(OPTIONS, remind_after_days=0, most_reminders=2)
    follow_unopened(default_ledger, "ada")
    for number in range(3):
        mailing.mail_all(number, options)
    assert [mail.kind for mail in kept(default_ledger, "ada")["ada"]] == ["invitation", "reminder", "reminder"]
    assert len({message["Message-ID"] for message in server.messages}) == 3


def test_a_reminder_that_failed_is_sent_by_a_later_run(default_ledger: Ledger, server: MailServer) -> None:
    (entry,) = add_prospects(default_ledger, "ada", created_at=default_ledger.now() - 4 * 86_400)
    sent = Mailing(default_ledger).plan()
    sent.send()
    (mail,) = kept(default_ledger, "ada")["ada"]
    assert mail.created_at == entry.created_at
    log = mailing.MailLedger(default_ledger, TENANT).deliveries
    log.finish(replace(mail, sent_at=default_ledger.now() - 3 * 86_400))
    follow_unopened(default_ledger, "ada")
    server.fault(Place.RCPT, reply="451 4.3.0 later", times=1)
    failing = Mailing(default_ledger, number=2).plan()
    failing.send()
    assert [(one.kind, one.number) for one in failing.planned] == [(MailKind.REMINDER, 1)]
    assert failing.statuses() == {"ada": "failed"}
    later = Mailing(default_ledger, number=3).plan()
    later.send()
    assert (later.statuses(), mailed(server)) == ({"ada": "sent"}, {"ada": 2})


def follow_unopened(ledger: Ledger, name: str) -> None:
    """Let a setup have been followed just now: nobody has opened its link."""
    log = SetupLog(ledger.database, TENANT)
    log.add_events([], ReadTime(0.0, ledger.now()))
    log.keep({name: Setup(SetupState.NOT_OPENED)}, ledger.now())


class TestSinceWhen:
    CREATED = "create_sso_tickets/run-1"

    def test_nobody_has_said_it_at_first(self, default_ledger: Ledger) -> None:
        add_prospects(default_ledger, "ada")
        assert mailed_since(TENANT, [], "") is None
        assert mailed_since(TENANT, ["create_sso_tickets/unknown"], "") is None

    def test_the_first_run_that_an_event_names_says_it_with_its_first_request(self, default_ledger: Ledger) -> None:
        now = default_ledger.now()
        add_prospects(
            default_ledger, "by-hand", run="create_sso_tickets/run-0", created_at=now - 99, requested_at=now - 99
        )
        for name, ago in (("ada", 20.0), ("bob", 30.0)):
            add_prospects(
                default_ledger, name, run=self.CREATED, requested_at=now - ago, created_at=now - ago, version=1
            )
        assert mailed_since(TENANT, [self.CREATED, "create_sso_tickets/only-reused"], "") == now - 30
        assert mailed_since(TENANT, ["create_sso_tickets/run-0"], "") == now - 30, "it is said once"
        assert mailed_since(TENANT, [], "") == now - 30
        run = Mailing(default_ledger, options=replace(OPTIONS, created_after=now - 30)).plan()
        assert {mail.key: str(mail.kind) for mail in run.planned if mail.kind} == {
            "ada": "invitation",
            "bob": "invitation",
        }

    def test_of_several_the_last_says_it(self, default_ledger: Ledger) -> None:
        now = default_ledger.now()
        for number, ago in ((1, 9_000.0), (2, 30.0)):
            add_prospects(default_ledger, f"of-{number}", run=f"dag/run-{number}", requested_at=now - ago, version=1)
        assert mailed_since(TENANT, ["dag/run-1", "dag/run-2"], "") == now - 30

    def test_links_of_another_tenant_say_nothing(self, default_ledger: Ledger) -> None:
        add_prospects(default_ledger, "ada", run=self.CREATED, tenant="other.example.com")
        assert mailed_since(TENANT, [self.CREATED, "create_sso_tickets/only-reused"], "") is None

    def test_a_run_of_another_airflow_with_the_same_id_says_nothing(self, default_ledger: Ledger) -> None:
        add_prospects(default_ledger, "ada", run=self.CREATED, installation="green")
        assert mailed_since(TENANT, [self.CREATED], "blue") is None


def test_a_run_of_another_airflow_with_the_same_id_is_another_run(run: Mailing, default_ledger: Ledger) -> None:
    run.send()
    other = RunAttempt(mailing.attempt(1).run, installation="green")
    rows, _ = mailing.mail_outcomes(run.mail_plan, other)
    assert {row.status for row in rows} == {"skipped"}
