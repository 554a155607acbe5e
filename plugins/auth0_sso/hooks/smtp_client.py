"""What the mail session adds to smtplib and to the SMTP provider's hook: a bound for each wait, and one attempt."""

from __future__ import annotations

import io
import logging
import smtplib
import socket
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.smtp.hooks.smtp import SmtpHook

from auth0_sso.exceptions import MailSettingsError
from auth0_sso.hooks.proxy import LOOPBACK
from auth0_sso.models import is_true
from auth0_sso.runtime.timeouts import Timeouts

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FALSE = ("false", "0", "no", "none", "")
# Of one reply, against a server that never ends it; a real one has some hundreds.
MAX_REPLY_BYTES = 65_536

log = logging.getLogger(__name__)


class SmtpClient(smtplib.SMTP):
    """
    A connection to a mail server whose replies each have a deadline.

    :param timeout: seconds for a reply, to its last byte.
    :param connect: seconds for TCP, and for TLS if the connection begins with it, for each IP address of the host.
    :param ehlo_name: what the client calls itself; by default smtplib tells the worker's host name.
    :raises smtplib.SMTPException, OSError: if there is no connection, or the greeting is a refusal.
    """

    def __init__(self, host: str, port: int, *, timeout: float, connect: float, ehlo_name: str, **options: Any) -> None:
        self.reply_timeout = timeout
        super().__init__(host, port, local_hostname=ehlo_name, timeout=min(timeout, connect), **options)

    def ehlo(self, name: str = "") -> tuple[int, bytes]:
        """Introduce the client; smtplib.SMTPHeloError if it is refused, which smtplib takes as a lack of features."""
        code, said = super().ehlo(name)
        if not is_success(code):
            raise smtplib.SMTPHeloError(code, said)
        return code, said

    def getreply(self) -> tuple[int, bytes]:
        """Return the code and the text of the next reply; smtplib.SMTPServerDisconnected if it doesn't come in time."""
        return self.reply_within(self.reply_timeout)

    def reply_within(self, seconds: float) -> tuple[int, bytes]:
        """Return the next reply like ``getreply``, with another bound."""
        connection = self.sock
        if connection is None:
            raise smtplib.SMTPServerDisconnected("There is no connection")
        if self.file is None:
            self.file = _ReplyReader(connection)
        self.file.expect_within(seconds)
        try:
            return super().getreply()
        except smtplib.SMTPResponseException:
            # A line that is too long. smtplib has closed the connection, and calls it a reply 500, which it is not.
            raise smtplib.SMTPServerDisconnected("the reply has too long a line") from None
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.reply_timeout)  # for what is sent next


class SmtpTlsClient(SmtpClient, smtplib.SMTP_SSL):
    """The same for a connection that begins with TLS."""


class OneAttemptSmtpHook(SmtpHook):
    """
    Airflow's hook, which connects once, in bounded time, and never repeats anything by itself.

    Use it once, and close ``client`` also if ``get_conn`` fails: the hook would take a connection that has no TLS or no
    login yet for a good one.

    :param client: the connection, as soon as there is one.
    """

    def __init__(self, smtp_conn_id: str, *, ehlo_name: str, timeouts: Timeouts) -> None:
        super().__init__(smtp_conn_id)
        self.client: SmtpClient | None = None
        self._ehlo_name = ehlo_name
        self._timeouts = timeouts

    @property
    def smtp_retry_limit(self) -> int:
        """None, whatever the connection's extra ``retry_limit``: the hook can't tell what may be repeated."""
        return 0

    @property
    def use_ssl(self) -> bool:
        """Whether the connection begins with TLS."""
        return not self._is_set("disable_ssl")

    @property
    def smtp_starttls(self) -> bool:
        """Whether TLS begins by STARTTLS."""
        return not self._is_set("disable_tls")

    def _is_set(self, extra: str) -> bool:
        """Whether an extra is true. In a URI all are texts, and Airflow's hook takes the text ``false`` for true."""
        value = self.conn.extra_dejson.get(extra, False)
        if not (is_true(value) or str(value).strip().lower() in _FALSE):
            raise MailSettingsError(
                f"The extra {extra} of the connection '{self.smtp_conn_id}' is {str(value)!r}.",
                advice="Set it to true or false.",
            )
        return is_true(value)

    def _build_client(self) -> SmtpClient:
        if not self.host:
            raise MailSettingsError(
                f"The connection '{self.smtp_conn_id}' has no host.", advice="Set it to the mail server's name."
            )
        if not (self.use_ssl or self.smtp_starttls or self.host in LOOPBACK):
            log.warning("The mails and the login cross the network readable: '%s' has no TLS", self.smtp_conn_id)
        options: dict[str, Any] = {"context": self._build_ssl_context()} if self.use_ssl else {}
        kind = SmtpTlsClient if self.use_ssl else SmtpClient
        try:
            self.client = kind(
                self.host,
                self.port or 0,
                timeout=self.timeout,
                connect=self._timeouts.connect,
                ehlo_name=self._ehlo_name,
                **options,
            )
            self.client.ehlo()
        except smtplib.SMTPServerDisconnected as error:
            # The hook would repeat it, or raise the same error as for wrong settings.
            raise ConnectionError(str(error)) from None
        return self.client


class _ReplyReader(io.BufferedReader):
    """Reads replies, each within its own time."""

    def __init__(self, connection: socket.socket) -> None:
        self._source = _ReplySource(connection)
        super().__init__(self._source)

    def expect_within(self, seconds: float) -> None:
        """Let the next reply come within this time, or reading it fails."""
        self._source.until = time.monotonic() + seconds
        self._source.bytes_left = MAX_REPLY_BYTES


class _ReplySource(io.RawIOBase):
    """
    What a mail server says until a deadline.

    The timeout of a socket begins again with each byte, so a server that sends one a second would never meet it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.until = 0.0
        self.bytes_left = 0
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        remaining = self.until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        if self.bytes_left <= 0:
            raise ConnectionError("the reply does not end")
        self._connection.settimeout(remaining)
        count = self._connection.recv_into(buffer)
        self.bytes_left -= count
        return count


def is_success(code: int) -> bool:
    """Whether a reply says that what was asked is done; ``-1`` is what smtplib makes of one that has no code."""
    return 200 <= code < 300
