"""Notifiers: those that the setting asks for, and never one that fails a task."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from auth0_sso.operators.notify import (
    NOTIFY_VARIABLE,
    BestEffortNotifier,
    NotifySettingError,
    notifiers,
    outcome_callbacks,
)

SLACK = "airflow.providers.slack.notifications.slack"


class Notifier(BaseNotifier):
    """Keeps what it renders, or fails."""

    template_fields = ("text",)

    def __init__(self, text: str = "", channel: str = "", error: Exception | None = None) -> None:
        super().__init__()
        self.text = text
        self.channel = channel
        self.error = error

    def notify(self, context: Any) -> None:
        if self.error:
            raise self.error


def configured(monkeypatch: pytest.MonkeyPatch, setting: str) -> list[BaseNotifier]:
    monkeypatch.setenv(NOTIFY_VARIABLE, setting)
    return notifiers(subject="Subject", text="Text")


@pytest.mark.parametrize("setting", ["", "  "])
def test_without_a_setting_nobody_is_notified(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    assert configured(monkeypatch, setting) == []
    assert outcome_callbacks(subject="Subject", text="Text") == {"on_success_callback": [], "on_failure_callback": []}


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("ops@example.com", "It must begin with 'smtp:' or 'slack:'"),
        ("mail:ops@example.com", "It must begin with 'smtp:' or 'slack:'"),
        ("smtp:", "it must name e-mail addresses"),
        ("smtp:ops", "it must name e-mail addresses"),
        ("smtp:ops@example.com,", "it must name e-mail addresses"),
        ("smtp:ops@example.com; a@example.com", "it must name e-mail addresses"),
        ("smtp:ops@example.com\nBcc: a@example.com", "it must name e-mail addresses"),
        ("slack:", "it must name one channel, like #sso-tickets"),
        ("slack:#a,#b", "it must name one channel, like #sso-tickets"),
        ("slack:#sso-tickets", "install apache-airflow-providers-slack for all of Airflow's services and workers"),
    ],
)
def test_a_setting_that_can_not_work_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, setting: str, advice: str
) -> None:
    monkeypatch.setitem(sys.modules, SLACK, None)  # as if it weren't installed
    with pytest.raises(NotifySettingError) as error:
        configured(monkeypatch, setting)
    assert str(error.value).startswith(f"{NOTIFY_VARIABLE} is {setting!r}. ")
    assert advice in str(error.value)


def test_a_slack_channel_gets_subject_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, SLACK, SimpleNamespace(SlackNotifier=Notifier))
    (notifier,) = configured(monkeypatch, "slack:#sso-tickets")
    assert isinstance(notifier, BestEffortNotifier)
    assert isinstance(notifier.notifier, Notifier)
    assert (notifier.notifier.channel, notifier.notifier.text) == ("#sso-tickets", "*Subject*\nText")


def test_success_and_failure_are_both_notified_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOTIFY_VARIABLE, "smtp:ops@example.com")
    callbacks = outcome_callbacks(subject="Subject", text="Text")
    assert [len(found) for found in callbacks.values()] == [1, 1]
    assert list(callbacks) == ["on_success_callback", "on_failure_callback"]


def test_a_notification_that_fails_is_logged_and_the_task_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    BestEffortNotifier(Notifier(error=OSError("no route")))({})
    assert "The notification was not sent: OSError: no route" in capsys.readouterr().out


def test_its_text_may_have_addresses_of_this_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
    notifier = Notifier("see {{ ui_address('dags', 'a b') }}")
    BestEffortNotifier(notifier)({})
    assert notifier.text == "see https://airflow.example.com/dags/a%20b"
