"""
Hands over mails to a mail server, so that it is known whether each may have been sent.

A mail with a link must not be sent twice. Until its text begins to leave, a mail has not been sent, and may be tried
again. From then on only the server's answer tells; without one, the mail has possibly been sent. smtplib's own
``sendmail`` and ``data`` raise the same errors before and after, so the command and the text are sent as two steps.
"""

from __future__ import annotations

import logging
import re
import smtplib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from types import TracebackType

from airflow.sdk.exceptions import AirflowException

from auth0_sso.exceptions import (
    MailPossiblySentError,
    MailRefusedError,
    MailSettingsError,
    MailTransientError,
    MailUnclearRefusalError,
)
from auth0_sso.hooks.identifiers import ascii_host
from auth0_sso.hooks.mail_errors import (
    answer_lost,
    answer_lost_by,
    connection_lost,
    error_of_connection,
    error_of_reply,
)
from auth0_sso.hooks.smtp_client import OneAttemptSmtpHook, SmtpClient, is_success
from auth0_sso.models import DeliveryStatus
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

MAILS_PER_MINUTE = 30.0
# Servers end a connection after some number of mails; this is below the usual ones.
MAX_MAILS_PER_CONNECTION = 50
# RFC 5321, section 4.5.3.1.6, without the line's end.
MAX_LINE_BYTES = 998
EHLO_NAME = "[127.0.0.1]"
"""
What the session calls itself, a valid address literal of RFC 5321, section 4.1.3, that says nothing of the worker.

A relay that knows its clients by their names needs the client's real one.
"""

# Everything in 7-bit characters: then no server has to offer 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")
_GO_ON = 354
_LOST = (OSError, smtplib.SMTPException)
# Bounds of RFC 5321, section 4.5.3.1; no quoted local part with a space or an @.
_ADDRESS = re.compile(r"[!-;=?A-~]{1,64}@[!-;=?A-~]{1,255}")
_ADDRESS_FORM = "Give it like ada@example.com, with ASCII letters before the @."

log = logging.getLogger(__name__)


def mail_rate_limiter(mails_per_minute: float = MAILS_PER_MINUTE) -> RateLimiter:
    """Return the pace of mails: ``await rate_limiter.acquire()`` before each; ValueError if it is not above 0."""
    return RateLimiter(mails_per_minute / 60)


class MailSession:
    """
    A connection to the mail server of an Airflow connection of type ``smtp``, for several mails.

    ::

        with MailSession() as session:
            session.send(message, "ada@example.com", "sso@example.org")

    It connects for the first mail, with the connection's host, port, TLS, login, OAuth 2 and ``timeout``, and again
    if the connection was closed or has served ``MAX_MAILS_PER_CONNECTION``. Whenever it connects, it asks Airflow for
    the connection. Nothing is repeated here, see :func:`send_with_budget`. One thread at a time may use it.

    :param smtp_conn_id: the Airflow connection.
    :param ehlo_name: what the session calls itself.
    """

    def __init__(
        self,
        smtp_conn_id: str = "smtp_default",
        *,
        ehlo_name: str = EHLO_NAME,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self._smtp_conn_id = smtp_conn_id
        self._ehlo_name = ehlo_name
        self._timeouts = timeouts
        self._client: SmtpClient | None = None
        self._mails = 0

    def __enter__(self) -> MailSession:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error_type is None:
            self._quit()
        else:
            self._close()

    def send(self, message: EmailMessage, to: str, sender: str, *, on_text: Callable[[], None] = lambda: None) -> None:
        """
        Hand over one mail; return when the server has accepted it.

        After MailPossiblySentError the mail may have been sent. After the other three errors it was certainly not, also
        if ``on_text`` was called. An exception that ends the task, such as KeyboardInterrupt, tells nothing of a mail
        whose ``on_text`` was called. No error's text has an address, a link or the server's words about one.

        :param message: the headers and the body. It is sent in 7-bit characters.
        :param to: the recipient's address, ``name@domain``; the envelope's, not the header's.
        :param sender: the sender's, where the server reports to if it can't deliver.
        :param on_text: is called right before the text begins to leave. If it fails, nothing is sent.
        :raises MailRefusedError: if the server refuses this mail for good (5xx), or no server can take it.
        :raises MailTransientError: if it was not sent, and a later attempt may succeed.
        :raises MailSettingsError: if no mail can be sent until the connection or the sender is fixed.
        :raises MailPossiblySentError: if the text began to leave and the answer is missing.
        """
        text = _text_of(message)
        recipient = _envelope_address(to)
        origin = _envelope_address(sender)
        if not recipient:
            raise MailRefusedError("The recipient's address is malformed.", advice=_ADDRESS_FORM)
        if not origin:
            raise MailSettingsError("The sender's address is malformed.", advice=_ADDRESS_FORM)
        client = self._connected()
        self._mails += 1
        try:
            _open_text(client, recipient, origin)
            on_text()
            _send_text(client, text, recipient, max(self._timeouts.mail_acceptance, client.reply_timeout))
        except MailRefusedError:
            raise  # the next mail may use the connection
        except MailTransientError:
            self._quit()
            raise
        except BaseException:
            self._close()
            raise

    def _connected(self) -> SmtpClient:
        """Return a connection that waits for a mail."""
        if self._mails >= MAX_MAILS_PER_CONNECTION:
            self._quit()
        if self._client is not None and _is_reset(self._client):
            return self._client
        self._close()
        self._client = self._connect()
        return self._client

    def _connect(self) -> SmtpClient:
        hook = OneAttemptSmtpHook(self._smtp_conn_id, ehlo_name=self._ehlo_name, timeouts=self._timeouts)
        client = None
        try:
            hook.get_conn()
            client = hook.client
        except (MailSettingsError, MailTransientError):
            raise
        except (*_LOST, AirflowException, ImportError, RuntimeError, ValueError) as error:
            raise error_of_connection(error) from None
        finally:
            if client is None and hook.client is not None:
                hook.client.close()
        if client is None:
            raise MailTransientError("No connection to the mail server.")
        return client

    def _quit(self) -> None:
        """End the connection politely, if there is one."""
        if self._client is not None:
            self._client.reply_timeout = min(self._client.reply_timeout, self._timeouts.mail_quit)
            with suppress(*_LOST):
                self._client.docmd("QUIT")
        self._close()

    def _close(self) -> None:
        """End the connection at once. A server never takes a text whose end it has not seen as a mail."""
        if self._client is not None:
            with suppress(OSError):
                self._client.close()
        self._client = None
        self._mails = 0


@dataclass(frozen=True)
class Delivery:
    """
    What became of a mail.

    :param status: ``SENT``, ``POSSIBLY_SENT``, ``REFUSED`` or ``FAILED``.
    :param error: why it was not certainly sent, without an address and a link; empty if it was.
    :param is_unclear: whether it was refused by a reply that may concern every mail.
    """

    status: DeliveryStatus
    error: str = ""
    is_unclear: bool = False


def send_with_budget(
    session: MailSession,
    message: EmailMessage,
    to: str,
    sender: str,
    *,
    set_left: Callable[[bool], None] = lambda has_left: None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Delivery:
    """
    Hand over one mail, and try again within ``timeouts.mail_budget`` as long as it was certainly not sent.

    :param set_left: is called with True right before the text begins to leave, and with False once it is certain that
        an attempt has not sent the mail.
    :raises MailSettingsError: if no mail can be sent until the settings are fixed.
    """
    until = clock() + timeouts.mail_budget
    failures = 0
    while True:
        try:
            session.send(message, to, sender, on_text=lambda: set_left(True))
        except MailPossiblySentError as error:
            return Delivery(DeliveryStatus.POSSIBLY_SENT, str(error))
        except MailRefusedError as error:
            is_unclear = isinstance(error, MailUnclearRefusalError)
            return Delivery(DeliveryStatus.REFUSED, str(error), is_unclear=is_unclear)
        except MailTransientError as error:
            set_left(False)
            failures += 1
            remaining = until - clock()
            if remaining <= 0:
                return Delivery(DeliveryStatus.FAILED, f"Attempts to send it: {failures}. {error}")
            delay = min(timeouts.backoff(failures, 0.0), remaining)
            log.info("A mail was not sent yet, the next attempt is in %.0f s: %s", delay, error)
            sleep(delay)
        else:
            return Delivery(DeliveryStatus.SENT)


def _text_of(message: EmailMessage) -> bytes:
    """Return what is sent after DATA, with the dot that ends it; MailRefusedError if no server has to take it."""
    try:
        text = message.as_bytes(policy=_POLICY)
        text.decode("ascii")
    except UnicodeError:  # its text would show a part of the mail
        raise MailRefusedError("The mail has letters that no charset of it says how to send.") from None
    lines = text.removesuffix(b"\r\n").split(b"\r\n")  # the policy ends each line so, also one that ended otherwise
    longest = max(map(len, lines))
    if longest > MAX_LINE_BYTES:
        raise MailRefusedError(f"A line of the mail has {longest:,} bytes.", advice=f"At most {MAX_LINE_BYTES}.")
    stuffed = (b"." + line if line.startswith(b".") else line for line in lines)  # section 4.5.2
    return b"\r\n".join((*stuffed, b".", b""))


def _envelope_address(address: str) -> str:
    """Return an address as every server takes it, its domain in the DNS form; empty if it can't be."""
    local, at, domain = address.rpartition("@")
    in_dns = domain if domain.isascii() else ascii_host(domain)
    complete = f"{local}{at}{in_dns}"
    return complete if _ADDRESS.fullmatch(complete) else ""


def _is_reset(client: SmtpClient) -> bool:
    """Whether the connection still stands and waits for the next mail."""
    try:
        code, _ = client.rset()
    except _LOST:
        return False
    return is_success(code)


def _open_text(client: SmtpClient, to: str, sender: str) -> None:
    """Take the steps up to where the server waits for the text."""
    steps = (("MAIL", f"FROM:<{sender}>"), ("RCPT", f"TO:<{to}>"))
    try:
        for command, argument in steps:
            code, said = client.docmd(command, argument)
            if not is_success(code):
                raise error_of_reply(command, code, said, to)
        code, said = client.docmd("DATA")
    except _LOST as error:
        raise connection_lost(error) from None
    if code != _GO_ON:
        raise error_of_reply("DATA", code, said, to)


def _send_text(client: SmtpClient, text: bytes, to: str, seconds: float) -> None:
    """Send the text, and wait for the answer."""
    try:
        client.send(text)
        code, said = client.reply_within(seconds)
    except _LOST as error:
        raise answer_lost_by(error) from None
    if is_success(code):
        return
    if 400 <= code < 600:
        raise error_of_reply("the text", code, said, to)
    raise answer_lost("the mail server's reply has no code that tells")
