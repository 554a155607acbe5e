"""How far a setup has come, as a table: events and answers, and the state that they make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from auth0_sso.models import Setup, SetupEvent, SetupState
from auth0_sso.setups.state import ApiAnswers, Question, setup_of

MADE = 1_000_000.0
HOUR = 3_600.0
LINK = Question(created_at=[MADE])
NEEDS_DOMAIN = Question(created_at=[MADE], requires_domain=True)
OPENED, CREATED, ENABLED = (
    f"ss_sso_{name}" for name in ("ticket_consumption", "connection_creation", "enable_connection")
)
VERIFIED = "ss_sso_domain_verification_successful"
NOTHING = ApiAnswers()


def event(name: str, hours: float, **changes: Any) -> SetupEvent:
    given = {"log_id": f"{name}-{hours}", "succeeded": True, "connection_name": "acme", "flow_type": "create"}
    return SetupEvent(**{**given, "message": "", **changes}, name=name, at=MADE + hours * HOUR)


def setup(
    *events: SetupEvent,
    question: Question = LINK,
    answers: ApiAnswers = NOTHING,
    before: Setup | None = None,
    has_logs: bool = True,
) -> Setup:
    return setup_of(question, events, answers, before, has_logs=has_logs)


def answered(hours: float = 10, **facts: Any) -> ApiAnswers:
    return ApiAnswers(**facts, asked_at=MADE + hours * HOUR)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], SetupState.NOT_OPENED),
        ([event(OPENED, 1)], SetupState.OPENED),
        ([event(OPENED, 1), event(CREATED, 2)], SetupState.CONNECTED),
        ([event(OPENED, 1), event(CREATED, 2), event(ENABLED, 3)], SetupState.ENABLED),
        ([event(OPENED, 1), event(ENABLED, 3)], SetupState.ENABLED),
        ([event(OPENED, 1, succeeded=False)], SetupState.NOT_OPENED),
        ([event(OPENED, 1), event(CREATED, 2, succeeded=False)], SetupState.OPENED),
        ([event("ss_sso_flow_end", 1)], SetupState.NOT_OPENED),
    ],
)
def test_the_furthest_event_says_how_far_it_has_come_in_whatever_order_they_come(
    events: Sequence[SetupEvent], state: SetupState
) -> None:
    assert {setup(*order).state for order in permutations(events)} == {state}


def test_an_event_counts_once_however_often_it_is_read() -> None:
    opening = event(OPENED, 1)
    assert setup(opening, opening, event(OPENED, 2)).opened == 2


def test_events_before_the_first_link_are_of_another_connection_that_had_the_name() -> None:
    found = setup(event(CREATED, -5), event(ENABLED, -4), event(OPENED, -3))
    assert (found.state, found.opened) == (SetupState.NOT_OPENED, 0)


def test_an_opening_of_a_link_that_edits_is_none_of_the_link_that_creates() -> None:
    edited = event(OPENED, 1, flow_type="update")
    assert setup(edited).state == SetupState.NOT_OPENED
    assert setup(edited, question=Question([MADE], flow_types=["update"])).state == SetupState.OPENED


@pytest.mark.parametrize(
    ("question", "hours", "state"),
    [
        (LINK, 30 / HOUR, SetupState.NOT_OPENED),
        (LINK, 61 / HOUR, SetupState.OPENED),
        (Question([MADE], spans=[(MADE + 5 * HOUR, MADE + 5 * HOUR + 60)]), 5 + 60 / HOUR, SetupState.NOT_OPENED),
        (Question([MADE, MADE + 7 * HOUR]), 7, SetupState.NOT_OPENED),
        (Question([MADE], spans=[(MADE + 5 * HOUR, MADE + 5 * HOUR + 60)]), 5 - 1 / HOUR, SetupState.OPENED),
    ],
)
def test_an_opening_within_a_minute_is_a_mail_scanners_and_only_counted(
    question: Question, hours: float, state: SetupState
) -> None:
    found = setup(event(OPENED, hours), question=question)
    assert (found.state, found.opened) == (state, 1)
    assert (found.first_opened_at is None) == (state == SetupState.NOT_OPENED)


@pytest.mark.parametrize(
    ("events", "answers", "state"),
    [
        ([], answered(exists=True), SetupState.CONNECTED),
        ([], answered(exists=True, is_enabled=True), SetupState.ENABLED),
        ([event(ENABLED, 3)], answered(exists=True, is_enabled=False), SetupState.CONNECTED),
        ([event(ENABLED, 3)], answered(exists=True), SetupState.ENABLED),
        ([event(OPENED, 1)], answered(exists=False), SetupState.OPENED),
        ([event(CREATED, 11)], answered(exists=False), SetupState.CONNECTED),
        ([event(CREATED, 2), event(ENABLED, 11)], answered(exists=True, is_enabled=False), SetupState.ENABLED),
    ],
)
def test_an_answer_of_the_api_comes_before_the_logs_unless_an_event_is_later(
    events: Sequence[SetupEvent], answers: ApiAnswers, state: SetupState
) -> None:
    assert setup(*events, answers=answers).state == state


@pytest.mark.parametrize(
    ("events", "before"),
    [([event(OPENED, 1), event(CREATED, 2)], None), ([], Setup(SetupState.CONNECTED, connected_at=MADE + HOUR))],
)
def test_a_connection_that_is_gone_leads_back_with_a_note(events: Sequence[SetupEvent], before: Setup | None) -> None:
    found = setup(*events, answers=answered(exists=False), before=before)
    assert (found.state, found.note) == (SetupState.NOT_OPENED, "The connection that was seen before is gone.")
    assert found.connected_at is None


@pytest.mark.parametrize(
    ("question", "events", "answers", "state"),
    [
        (NEEDS_DOMAIN, [event(CREATED, 2)], NOTHING, SetupState.WAITING_FOR_DOMAIN),
        (NEEDS_DOMAIN, [event(CREATED, 2), event(VERIFIED, 3)], NOTHING, SetupState.CONNECTED),
        (NEEDS_DOMAIN, [event(CREATED, 2)], answered(exists=True, has_verified_domain=True), SetupState.CONNECTED),
        (
            NEEDS_DOMAIN,
            [event(CREATED, 2), event(VERIFIED, 3)],
            answered(exists=True, has_verified_domain=False),
            SetupState.WAITING_FOR_DOMAIN,
        ),
        (NEEDS_DOMAIN, [event(OPENED, 2)], NOTHING, SetupState.OPENED),
        (LINK, [event(CREATED, 2)], answered(exists=True, has_verified_domain=False), SetupState.CONNECTED),
        (NEEDS_DOMAIN, [], answered(exists=True, is_enabled=True, has_verified_domain=False), SetupState.ENABLED),
    ],
)
def test_only_where_a_domain_is_required_a_setup_waits_for_it(
    question: Question, events: Sequence[SetupEvent], answers: ApiAnswers, state: SetupState
) -> None:
    found = setup(*events, question=question, answers=answers)
    assert found.state == state
    assert (found.waiting_since is not None) == (state == SetupState.WAITING_FOR_DOMAIN)


def test_without_logs_nobody_knows_whether_a_link_was_opened() -> None:
    assert setup(has_logs=False).state == SetupState.UNKNOWN
    absent = setup(has_logs=False, answers=answered(exists=False))
    assert (absent.state, absent.seen_in) == (SetupState.UNKNOWN, ("API",))
    assert setup(answers=answered(exists=True)).seen_in == ("logs", "API")


def test_times_are_those_of_the_customer_and_the_last_failure_is_in_auth0s_words() -> None:
    found = setup(
        event(OPENED, 30 / HOUR),
        event(OPENED, 2),
        event(OPENED, 1),
        event("ss_sso_domain_verification_unsuccessful", 3, succeeded=False, message="No TXT record"),
        event("ss_sso_domain_verification_unsuccessful", 4, succeeded=False, message="Wrong TXT record"),
        event(CREATED, 5),
        answers=answered(exists=True, connection_id="con_1", is_enabled=True),
    )
    times = [found.first_opened_at, found.last_opened_at, found.connected_at, found.enabled_at]
    assert times == [MADE + hours * HOUR for hours in (1, 2, 5, 10)]
    assert (found.opened, found.last_failure, found.connection_id) == (3, "Wrong TXT record", "con_1")
