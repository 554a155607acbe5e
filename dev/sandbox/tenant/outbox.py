"""The mails that the sandbox's mail server has accepted."""

from __future__ import annotations

import email.policy
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage

MAX_MAILS = 500
"""Most mails that an outbox keeps, the latest ones."""


@dataclass(frozen=True)
class Mail:
    """
    A mail that a mail server has accepted.

    :param sender: of its envelope; so ``recipients``.
    :param text: headers and body, as they came.
    """

    sender: str
    recipients: list[str]
    text: bytes = field(repr=False)

    @property
    def message(self) -> EmailMessage:
        """The headers and the body, decoded."""
        parsed = message_from_bytes(self.text, policy=email.policy.default)
        if not isinstance(parsed, EmailMessage):  # the policy makes no other
            raise TypeError(type(parsed).__name__)
        return parsed


class Outbox(deque[Mail]):
    """The latest mails, the oldest first."""

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_MAILS)
