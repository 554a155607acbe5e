"""Notifications about a run, by e-mail or in Slack, where one is configured."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from auth0_sso.operators.links import ui_address

if TYPE_CHECKING:
    from airflow.sdk import Context

NOTIFY_VARIABLE = "SSO_TICKETS_NOTIFY"
_ADDRESS = re.compile(r"[^\s@,;:<>\"()]+@[^\s@,;:<>\"()]+", re.ASCII)
_CHANNEL = re.compile(r"#?[\w.-]{1,80}")


class NotifySettingError(ValueError):
    """The setting that says who is notified is malformed, or the Airflow provider that it needs is missing."""


class BestEffortNotifier(BaseNotifier):
    """
    Send with another notifier. If that fails, the log says why, and the task goes on.

    Its templates know :func:`~auth0_sso.operators.links.ui_address`.
    """

    def __init__(self, notifier: BaseNotifier) -> None:
        super().__init__()
        self.notifier = notifier

    def notify(self, context: Context) -> None:
        """Send, or log the error."""
        try:
            self.notifier({**context, "ui_address": ui_address})
        except Exception as error:
            self.log.error("The notification was not sent: %s: %s", type(error).__name__, error)


def notifiers(*, subject: str, text: str) -> list[BaseNotifier]:
    """
    Return the notifiers that ``SSO_TICKETS_NOTIFY`` asks for; an empty one asks for none, and imports nothing.

    It is ``smtp:someone@example.com,other@example.com`` or ``slack:#channel``. The Airflow connections
    ``smtp_default`` and ``slack_api_default`` are used. Subject and text are Jinja templates; what they render must be
    escaped for HTML.

    :param text: may have several lines.
    :raises NotifySettingError: if the variable is malformed, or the provider isn't installed.
    """
    setting = os.environ.get(NOTIFY_VARIABLE, "").strip()
    if not setting:
        return []
    kind, _, target = setting.partition(":")
    if kind not in _KINDS:
        raise _error(setting, "It must begin with 'smtp:' or 'slack:'.")
    return [BestEffortNotifier(_KINDS[kind](setting, target.strip(), subject, text))]


def outcome_callbacks(*, subject: str, text: str) -> dict[str, Any]:
    """Return the arguments of a task that notifies when it has succeeded or finally failed, see :func:`notifiers`."""
    found = notifiers(subject=subject, text=text)
    return {"on_success_callback": found, "on_failure_callback": found}


def _smtp(setting: str, target: str, subject: str, text: str) -> BaseNotifier:
    addresses = [address.strip() for address in target.split(",")]
    if not all(map(_ADDRESS.fullmatch, addresses)):
        raise _error(setting, "After 'smtp:' it must name e-mail addresses, separated by commas.")
    notifier = _provided(setting, "smtp", "airflow.providers.smtp.notifications.smtp", "SmtpNotifier")
    return notifier(to=addresses, subject=subject, html_content=f'<p style="white-space: pre-line">{text}</p>')


def _slack(setting: str, target: str, subject: str, text: str) -> BaseNotifier:
    if not _CHANNEL.fullmatch(target):
        raise _error(setting, "After 'slack:' it must name one channel, like #sso-tickets.")
    notifier = _provided(setting, "slack", "airflow.providers.slack.notifications.slack", "SlackNotifier")
    return notifier(channel=target, text=f"*{subject}*\n{text}")


_KINDS: dict[str, Callable[[str, str, str, str], BaseNotifier]] = {"smtp": _smtp, "slack": _slack}


def _provided(setting: str, provider: str, module: str, name: str) -> Callable[..., BaseNotifier]:
    try:
        found: Callable[..., BaseNotifier] = getattr(import_module(module), name)
    except ImportError:
        raise _error(
            setting,
            f"Its Airflow provider is not installed: install apache-airflow-providers-{provider} for all of "
            "Airflow's services and workers.",
        ) from None
    return found


def _error(setting: str, advice: str) -> NotifySettingError:
    return NotifySettingError(f"{NOTIFY_VARIABLE} is {setting!r}. {advice}")
