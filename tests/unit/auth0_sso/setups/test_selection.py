"""Who gets which mail, and why the others get none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.delivery_log import Delivery
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import NOT_FOLLOWED, Followed, KnownSetup
from auth0_sso.models import DeliveryStatus, MailKind, MailOptions, Setup, SetupState
from auth0_sso.setups.selection import DAY, HOUR, Selection, select_mail

from tests.support import factories
from tests.support.factories import NOW

INVITATION, REPLACEMENT, REMINDER = MailKind.INVITATION, MailKind.REPLACEMENT, MailKind.REMINDER
SENT, POSSIBLY_SENT = DeliveryStatus.SENT, DeliveryStatus.POSSIBLY_SENT
REFUSED, FAILED = DeliveryStatus.REFUSED, DeliveryStatus.FAILED
MADE_AT = NOW - DAY
MAILED_AT = NOW - 3 * DAY
OPTIONS = MailOptions(kinds=tuple(MailKind), created_after=None)


def entry(status: str = "created", **changes: Any) -> Entry:
    """Return the entry of a link that was made a day ago and lives four days more."""
    defaults = {"prospect_email": "ada@acme.example", "created_at": MADE_AT, "expires_at": NOW + 4 * DAY}
    return factories.entry(status, **{**defaults, **changes})


def delivery(status: DeliveryStatus = SENT, kind: MailKind = INVITATION, number: int = 1, **changes: Any) -> Delivery:
    """Return a mail with the link of ``entry()``, by default three days ago."""
    values = {"created_at": MADE_AT, "begun_at": MAILED_AT, "error": "", **changes}
    sent_at = values["begun_at"] if status is SENT else None
    return Delivery(
        key=entry().key,
        kind=kind,
        number=number,
        status=status,
        sent_at=sent_at,
        message_id="<1@sender.example>",
        run="mail_sso_tickets/run-1",
        installation="",
        **values,
    )


def known(state: SetupState, updated_at: float = NOW - HOUR, **facts: Any) -> Followed:
    """Return a setup that was followed an hour ago."""
    return Followed(KnownSetup(Setup(state, **facts), updated_at))


NOT_OPENED = known(SetupState.NOT_OPENED)
ENABLED = known(SetupState.ENABLED)


def opened_at(*times: float) -> Followed:
    """Return openings that the state of the setup does not tell yet."""
    return replace(NOT_OPENED, openings={"create": times})


def select(
    found: Entry | None = None,
    *deliveries: Delivery,
    followed: Followed = NOT_FOLLOWED,
    has_logs: bool = True,
    **options: Any,
) -> Selection | None:
    return select_mail(found or entry(), followed, deliveries, replace(OPTIONS, **options), NOW, has_logs=has_logs)


def reason_of(found: Entry, *deliveries: Delivery, followed: Followed = NOT_FOLLOWED, **options: Any) -> str:
    """Return why a prospect gets no mail."""
    selected = select(found, *deliveries, followed=followed, **options)
    assert selected is not None
    assert (selected.kind, selected.number) == (None, 0)
    return selected.reason


@pytest.mark.parametrize(
    ("found", "followed", "reason"),
    [
        (entry("in_flight"), NOT_FOLLOWED, "it has no link"),
        (entry("unknown"), NOT_FOLLOWED, "it has no link"),
        (entry("failed"), NOT_FOLLOWED, "it has no link"),
        (entry("revoking"), NOT_FOLLOWED, "its link is revoked"),
        (entry("revoked"), NOT_FOLLOWED, "its link is revoked"),
        (entry(expires_at=NOW), NOT_FOLLOWED, "its link has expired"),
        (entry(), Followed(openings={"create": [NOW - 6 * HOUR]}), "its link is used up"),
        (entry(), ENABLED, "its single sign-on is enabled"),
        (entry(prospect_email=""), NOT_FOLLOWED, "it has no address: give prospect_email"),
        (entry(duplicate_until=NOW + 1, duplicate_confirmed=True), NOT_FOLLOWED, "another link exists that nobody"),
        (entry(), known(SetupState.ENABLED, enabled_at=MADE_AT), "its single sign-on is enabled"),
        (entry(expires_at=NOW + HOUR), NOT_FOLLOWED, "its link dies within an hour"),
        (entry(), Followed(openings={"create": [NOW - 4 * HOUR]}), "its link dies within an hour"),
    ],
)
@pytest.mark.parametrize("resend", [False, True])
def test_who_has_no_link_that_is_worth_a_mail_gets_none(
    found: Entry, followed: Followed, reason: str, resend: bool
) -> None:
    assert reason_of(found, followed=followed, resend=resend).startswith(reason)


@pytest.mark.parametrize(
    ("found", "followed"),
    [
        (entry(), NOT_FOLLOWED),
        (entry(expires_at=NOW + HOUR + 1), NOT_FOLLOWED),
        (entry(), known(SetupState.ENABLED, enabled_at=MADE_AT - 1)),  # the link is to change it
        (entry(), Followed(openings={"create": [NOW - 4 * HOUR + 1]})),
        (entry(duplicate_until=NOW + DAY), NOT_FOLLOWED),  # of two links, the one that the ledger knows
        (entry(duplicate_until=NOW - 1, duplicate_confirmed=True), NOT_FOLLOWED),  # the other one is dead
        (entry(), Followed(openings={"create": [NOW - HOUR]})),
        (entry(), Followed(openings={"create": [NOW - 6 * HOUR]}, spans=[(NOW - 6 * HOUR - 30, NOW - 6 * HOUR + 30)])),
        (entry(), Followed(openings={"create": [MADE_AT - HOUR]})),  # that was an earlier link
        (entry(), known(SetupState.WAITING_FOR_DOMAIN)),
        (entry(), known(SetupState.ENABLED, updated_at=NOW - 3 * DAY)),  # nothing is decided by what is so old
    ],
)
def test_who_has_one_is_invited_once(found: Entry, followed: Followed) -> None:
    assert select(found, followed=followed) == Selection(INVITATION, 1)
    assert reason_of(found, delivery(), followed=followed).startswith("it was mailed on 2027-01-12T08:00:00Z")


def test_a_run_for_some_organizations_says_nothing_of_the_others() -> None:
    assert select(organization_ids=["org_2"]) is None
    assert select(entry("revoked"), organization_ids=["org_2"]) is None
    assert select(organization_ids=["org_2", "org_1"]) == Selection(INVITATION, 1)


@pytest.mark.parametrize(("after", "is_mailed"), [(MADE_AT - 1, True), (MADE_AT, True), (MADE_AT + 0.001, False)])
def test_a_link_that_was_made_before_is_not_mailed(after: float, is_mailed: bool) -> None:
    if is_mailed:
        assert select(created_after=after) == Selection(INVITATION, 1)
    else:
        assert reason_of(entry(), created_after=after).startswith("its link was made before 2027-01-14T08:00:00Z")


@pytest.mark.parametrize("status", [SENT, POSSIBLY_SENT])
def test_the_link_in_place_of_one_that_was_mailed_says_so(status: DeliveryStatus) -> None:
    earlier = delivery(status, created_at=MADE_AT - 5 * DAY)
    assert select(entry(), earlier) == Selection(REPLACEMENT, 1)
    assert reason_of(entry(), earlier, delivery(kind=REPLACEMENT)).startswith("it was mailed on")


@pytest.mark.parametrize("status", [REFUSED, FAILED])
def test_the_link_in_place_of_one_that_nobody_got_is_an_invitation(status: DeliveryStatus) -> None:
    assert select(entry(), delivery(status, created_at=MADE_AT - 5 * DAY)) == Selection(INVITATION, 1)


def test_a_replacement_that_was_made_before_is_not_mailed_either() -> None:
    earlier = delivery(created_at=MADE_AT - 5 * DAY)
    assert reason_of(entry(), earlier, created_after=MADE_AT + 1).startswith("its link was made before")


def test_what_failed_is_tried_again_under_a_new_number() -> None:
    assert select(entry(), delivery(FAILED)) == Selection(INVITATION, 2)
    assert select(entry(), delivery(FAILED), delivery(FAILED, number=2)) == Selection(INVITATION, 3)


def test_a_refusal_is_final_until_somebody_wants_it_repeated() -> None:
    refused = delivery(REFUSED, error="no such user")
    assert reason_of(entry(), delivery(FAILED), replace(refused, number=2)) == "it was refused: no such user"
    assert select(entry(), refused, resend=True) == Selection(INVITATION, 2)


@pytest.mark.parametrize("status", list(DeliveryStatus)[:4])
def test_what_may_have_arrived_is_repeated_only_if_somebody_wants_it(status: DeliveryStatus) -> None:
    assert select(entry(), delivery(status), resend=True) == Selection(INVITATION, 2)


def test_what_was_possibly_sent_is_neither_repeated_nor_reminded_of() -> None:
    for followed in (NOT_FOLLOWED, NOT_OPENED):
        reason = reason_of(entry(), delivery(POSSIBLY_SENT), followed=followed)
        assert reason.startswith("it was possibly mailed: ask the customer")
    reminded = (delivery(), delivery(POSSIBLY_SENT, REMINDER))
    assert reason_of(entry(), *reminded, followed=NOT_OPENED, most_reminders=9).startswith("it was possibly mailed")


def test_after_it_was_mailed_again_a_reminder_follows() -> None:
    mailed_again = (delivery(POSSIBLY_SENT), delivery(number=2))
    assert reason_of(entry(), *mailed_again).startswith("it was mailed on")
    assert select(entry(), *mailed_again, followed=NOT_OPENED) == Selection(REMINDER, 1)


@pytest.mark.parametrize("kinds", [(INVITATION, REPLACEMENT), (REMINDER,)])
def test_a_run_sends_its_kinds_of_mails_only(kinds: tuple[MailKind, ...]) -> None:
    replaced = delivery(created_at=MADE_AT - 5 * DAY)
    found = {
        INVITATION: select(kinds=kinds),
        REPLACEMENT: select(entry(), replaced, kinds=kinds),
        REMINDER: select(entry(), delivery(), followed=NOT_OPENED, kinds=kinds),
    }
    assert {kind for kind, selected in found.items() if selected and selected.kind is kind} == set(kinds)


class TestReminders:
    @pytest.mark.parametrize(
        ("mailed_at", "expires_at", "is_reminded"),
        [
            (NOW - 3 * DAY, NOW + DAY + 1, True),
            (NOW - 3 * DAY + 1, NOW + DAY + 1, False),
            (NOW - 3 * DAY, NOW + DAY, False),
        ],
    )
    def test_one_comes_days_after_the_mail_and_a_day_before_the_end(
        self, mailed_at: float, expires_at: float, is_reminded: bool
    ) -> None:
        selected = select(entry(expires_at=expires_at), delivery(begun_at=mailed_at), followed=NOT_OPENED)
        assert selected is not None
        assert (selected.kind, bool(selected.reason)) == ((REMINDER, False) if is_reminded else (None, True))

    def test_the_next_one_comes_days_after_the_one_before(self) -> None:
        mails = (delivery(begun_at=NOW - 6 * DAY), delivery(kind=REMINDER, begun_at=NOW - 3 * DAY))
        assert select(entry(), *mails, followed=NOT_OPENED, most_reminders=2) == Selection(REMINDER, 2)
        assert reason_of(entry(), *mails, followed=NOT_OPENED).startswith("it was mailed on")
        early = replace(mails[1], begun_at=NOW - 3 * DAY + 1, sent_at=NOW - 3 * DAY + 1)
        assert reason_of(entry(), mails[0], early, followed=NOT_OPENED, most_reminders=2).endswith("comes later")

    def test_with_most_reminders_0_there_is_none(self) -> None:
        assert reason_of(entry(), delivery(), followed=NOT_OPENED, most_reminders=0).startswith("it was mailed on")

    def test_those_of_an_earlier_link_do_not_count(self) -> None:
        earlier = [delivery(kind=kind, created_at=MADE_AT - 5 * DAY) for kind in (INVITATION, REMINDER)]
        assert select(entry(), *earlier, delivery(kind=REPLACEMENT), followed=NOT_OPENED) == Selection(REMINDER, 1)

    def test_one_that_failed_is_tried_again_and_does_not_count(self) -> None:
        failed = delivery(FAILED, REMINDER, begun_at=NOW - HOUR)
        assert select(entry(), delivery(), failed, followed=NOT_OPENED) == Selection(REMINDER, 2)

    def test_one_that_was_refused_is_final(self) -> None:
        refused = delivery(REFUSED, REMINDER, error="no such user")
        assert reason_of(entry(), delivery(), refused, followed=NOT_OPENED, most_reminders=9) == (
            "its reminder was refused: no such user"
        )

    def test_an_invitation_that_was_refused_before_it_was_sent_again_hinders_none(self) -> None:
        mails = (delivery(REFUSED), delivery(number=2))
        assert select(entry(), *mails, followed=NOT_OPENED) == Selection(REMINDER, 1)

    @pytest.mark.parametrize(
        ("followed", "has_logs", "reason"),
        [
            (NOT_FOLLOWED, True, "nobody knows whether it was opened"),
            (known(SetupState.UNKNOWN), True, "nobody knows whether it was opened"),
            (known(SetupState.NOT_OPENED, updated_at=NOW - 2 * DAY - 1), True, "nobody knows whether it was opened"),
            (NOT_OPENED, False, "nobody knows whether it was opened"),
            (known(SetupState.OPENED, first_opened_at=NOW - HOUR), True, "it was opened"),
            (known(SetupState.CONNECTED), True, "it was opened"),
            # The connection is gone again.
            (known(SetupState.NOT_OPENED, first_opened_at=NOW - HOUR, note="gone"), True, "it was opened"),
            (opened_at(NOW - HOUR), True, "it was opened"),
            (opened_at(MADE_AT + 1, NOW - HOUR), False, "it was opened"),
        ],
    )
    def test_only_who_is_known_not_to_have_opened_it_is_reminded(
        self, followed: Followed, has_logs: bool, reason: str
    ) -> None:
        assert reason_of(entry(), delivery(), followed=followed, has_logs=has_logs).endswith(f", and {reason}")


def test_what_a_mail_scanner_has_opened_and_an_earlier_link_s_openings_hinder_no_reminder() -> None:
    followed = opened_at(MADE_AT - 1, MADE_AT + 30, NOW - HOUR)
    followed = replace(followed, spans=[(NOW - HOUR - 30, NOW - HOUR + 30)])
    assert select(entry(), delivery(), followed=followed) == Selection(REMINDER, 1)


def test_two_prospects_of_a_connection_are_mailed_each_for_themselves() -> None:
    ada, bob = entry(), entry(key="b", prospect="bob@acme.example", prospect_email="bob@acme.example")
    followed = known(SetupState.NOT_OPENED)
    assert reason_of(ada, delivery(begun_at=NOW - HOUR), followed=followed).endswith("a reminder comes later")
    assert select(bob, followed=followed) == Selection(INVITATION, 1)
