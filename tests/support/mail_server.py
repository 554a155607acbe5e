"""A real mail server on the loopback interface, with TLS and login, that keeps what it accepts and fails on request."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from dev.sandbox.tenant.outbox import Mail

LOGIN, PASSWORD = "sso-mailer", "s3cret-of-mailer"
# No fault lasts longer, whatever the client does.
MAX_STALL = 20.0
SECONDS_A_BYTE = 0.02


class Place(StrEnum):
    """The reply that a fault takes the place of, or where it happens."""

    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    IN_TEXT = "in the text"
    AFTER_TEXT = "after the text"
    RSET = "RSET"
    QUIT = "QUIT"


_PLACES = {place.value: place for place in Place}


@dataclass
class Fault:
    """
    What the server does at a place: it says ``reply``, or nothing, and then drops the connection or stalls.

    :param drips: whether the reply comes slowly, byte by byte.
    :param times: how often it happens.
    :param skips: how often the server passes that place before.
    """

    place: Place
    reply: str = ""
    drops: bool = False
    stalls: bool = False
    drips: bool = False
    times: int = 1_000_000
    skips: int = 0


class MailServer:
    """
    A mail server, for as long as the context lasts.

    :param certificate: a file with its certificate and key; then it offers TLS.
    :param implicit_tls: whether a connection begins with TLS; else the server offers STARTTLS.
    :param requires_login: whether it takes mails only after a login as ``LOGIN`` with ``PASSWORD``, also as a token.
    :param latency: seconds before each of its replies.
    """

    def __init__(
        self,
        certificate: Path | None = None,
        *,
        implicit_tls: bool = False,
        requires_login: bool = False,
        latency: float = 0.0,
    ) -> None:
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.connections = 0
        self.open_connections = 0
        self.port = 0
        self.latency = latency
        self._faults: list[Fault] = []
        self._requires_login = requires_login
        self._implicit_tls = _server_context(certificate) if certificate and implicit_tls else None
        self._starttls = _server_context(certificate) if certificate and not implicit_tls else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def messages(self) -> list[EmailMessage]:
        """The messages that the server has accepted."""
        return [mail.message for mail in self.mails]

    def fault(self, place: Place, **how: Any) -> None:
        """Fail at a place from now on; keywords are those of ``Fault``."""
        self._faults.append(Fault(place, **how))

    def has_fault(self, place: Place) -> bool:
        """Whether a fault has yet to happen at a place."""
        return any(fault.place is place and fault.times > 0 for fault in self._faults)

    def next_fault(self, place: Place) -> Fault | None:
        """Return the fault that happens now at a place, if any, and count it."""
        found = next((fault for fault in self._faults if fault.place is place and fault.times > 0), None)
        if found is None:
            return None
        if found.skips:
            found.skips -= 1
            return None
        found.times -= 1
        return found

    def __enter__(self) -> MailServer:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # it would log what the tests search logs for
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await self._loop.create_server(self._connection, "127.0.0.1", 0, ssl=self._implicit_tls)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _connection(self) -> SMTP:
        self.connections += 1
        return _Connection(
            self,
            hostname="mail.example.com",
            tls_context=self._starttls,
            auth_required=self._requires_login,
            auth_require_tls=False,
            authenticator=self._authenticate,
            loop=self._loop,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = data.login.decode(), data.password.decode()
        self.logins.append(given)
        return AuthResult(success=given == (LOGIN, PASSWORD), handled=False)


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class _Connection(SMTP):
    """One connection, which asks the server for faults at each place."""

    def __init__(self, mail_server: MailServer, **options: Any) -> None:
        self._mail_server = mail_server
        self._is_greeted = False
        super().__init__(_Inbox(mail_server), **options)
        self._smtp_methods = {name: self._faulty(name, method) for name, method in self._smtp_methods.items()}

    def _faulty(self, name: str, method: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        async def call(argument: str) -> None:
            arguments = "" if name == "AUTH" or not argument else f" {argument}"
            self._mail_server.commands.append(f"{name}{arguments}")
            place = _PLACES.get(name)
            fault = self._mail_server.next_fault(place) if place else None
            await (self.fail(fault) if fault else method(argument))

        return call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:  # else TLS begins within the connection
            self._mail_server.open_connections += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._mail_server.open_connections -= 1
        super().connection_lost(error)

    async def push(self, status: Any) -> None:
        """Send a reply, unless a fault was in its place; the greeting and the one that asks for the text may fail."""
        if not status:
            return
        if not self._is_greeted:
            self._is_greeted = True
            if fault := self._mail_server.next_fault(Place.GREETING):
                await self.fail(fault)
                return
        await asyncio.sleep(self._mail_server.latency)
        await super().push(status)
        if str(status).startswith("354") and (fault := self._mail_server.next_fault(Place.IN_TEXT)):
            await self._reader.readexactly(1)
            await self.fail(fault)

    async def fail(self, fault: Fault) -> None:
        """Do what was asked for, in the place of a reply."""
        if fault.drips:
            await self._drip(fault.reply)
        elif fault.reply:
            await super().push(fault.reply)
        if fault.drops:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.abort()
        if fault.drops or fault.stalls:
            await asyncio.sleep(MAX_STALL)  # is cancelled when the connection has ended

    async def _drip(self, reply: str) -> None:
        for byte in f"{reply}\r\n".encode():
            self._writer.write(bytes([byte]))
            await asyncio.sleep(SECONDS_A_BYTE)


class _Inbox:
    """Keeps a text that was received to its end, unless the server refuses it."""

    def __init__(self, mail_server: MailServer) -> None:
        self._mail_server = mail_server

    async def handle_DATA(self, server: _Connection, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        fault = self._mail_server.next_fault(Place.AFTER_TEXT)
        if fault and fault.reply.startswith(("4", "5")):
            return fault.reply
        self._mail_server.mails.append(Mail(str(envelope.mail_from), list(envelope.rcpt_tos), envelope.content))
        if not fault:
            return "250 2.0.0 accepted"
        await server.fail(fault)
        return ""

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:
        fields = base64.b64decode(arguments[1]).decode().rstrip("\x01").split("\x01")
        user, token = fields[0].removeprefix("user="), fields[1].removeprefix("auth=Bearer ")
        self._mail_server.logins.append((user, token))
        return AuthResult(success=(user, token) == (LOGIN, PASSWORD), handled=False)
