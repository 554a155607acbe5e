"""A mail server on this machine, without TLS and login, that keeps what it gets."""

from __future__ import annotations

import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any


@dataclass
class MailServer:
    """A running server: its port, and the messages that it has got."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server for as long as the context lasts."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        running = MailServer(server.server_address[1])
        server.mailbox = running.messages  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        server.shutdown()


class _Session(socketserver.StreamRequestHandler):
    """One connection, as far as a client of RFC 5321 needs it."""

    server: Any

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mailbox.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
            self._say("221 bye" if verb == b"QUIT" else "250 done")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
