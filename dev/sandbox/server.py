"""Running a sandbox tenant in a thread of this process, for tests, benchmarks and the demo."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn

from dev.sandbox.api.hangup import HangUpProtocol
from dev.sandbox.app import create_app
from dev.sandbox.faults import Fault
from dev.sandbox.tenant.clock import Clock
from dev.sandbox.tenant.connections import Connection
from dev.sandbox.tenant.logs import Event
from dev.sandbox.tenant.outbox import Mail
from dev.sandbox.tenant.settings import SandboxSettings
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.stats import Stats, TicketView, take_stats, view_tickets
from dev.sandbox.tenant.traffic import Seen

T = TypeVar("T")

_START_TIMEOUT: Final = 60.0
_CALL_TIMEOUT: Final = 60.0
_STOP_TIMEOUT: Final = 10.0


class SandboxError(Exception):
    """The sandbox can't run."""


class Sandbox:
    """
    A tenant that runs during a ``with`` block.

    :param port: port to listen on; 0 takes a free one
    :param clock: the tenant's time, UNIX seconds; by default the machine's
    :param certificate: PEM file with certificate and key, for https
    :param mail_port: of a mail server whose mails the tenant's outbox keeps; None runs none
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        certificate: Path | None = None,
        mail_port: int | None = None,
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.host = host
        self.port = port
        self._certificate = certificate
        self._mail_port = mail_port
        self._tenant = TenantState(self.settings, clock)
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def domain(self) -> str:
        """Host and port, in the place of an Auth0 domain."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The tenant's address, without a final slash."""
        return f"{'https' if self._certificate else 'http'}://{self.domain}"

    @property
    def client_id(self) -> str:
        """The one client the tenant knows."""
        return self.settings.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self.settings.client_secret

    @property
    def profile_id(self) -> str:
        """The first self-service profile."""
        return self.settings.profile_ids[0]

    def start(self) -> None:
        """
        Listen, and return once calls are served.

        :raises SandboxError: when the port is taken or the server doesn't start
        """
        try:
            listener = socket.create_server((self.host, self.port), backlog=512)
        except OSError as error:
            raise SandboxError(
                f"The sandbox can't listen on {self.domain} ({error.strerror}): choose another port, 0 for a free one"
            ) from error
        # The head and the body of a response are two writes; Nagle's algorithm would hold the second for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        certificate = str(self._certificate) if self._certificate else None
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(self._tenant),
                http=HangUpProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.ERROR,
                date_header=False,  # responses carry the tenant's own date
                access_log=False,  # its lines would hold ticket ids
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
                ssl_certfile=certificate,
            )
        )
        self._thread = threading.Thread(target=self._serve, args=(self._server, listener), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise SandboxError(f"The sandbox did not start on {self.domain}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop listening; calls in progress get a second to end."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_TIMEOUT)

    def stats(self) -> Stats:
        """Return the counters since the start or the last reset."""
        return self._call(lambda: take_stats(self._tenant))

    @property
    def tickets(self) -> list[TicketView]:
        """All tickets, oldest first."""
        return self._call(lambda: view_tickets(self._tenant))

    @property
    def access_tokens(self) -> list[str]:
        """All access tokens issued, oldest first."""
        return self._call(self._tenant.tokens.issued)

    @property
    def requests(self) -> list[Seen]:
        """All Management API calls, in the order of their arrival."""
        return self._call(lambda: list(self._tenant.requests))

    @property
    def outbox(self) -> list[Mail]:
        """The mails that its mail server has accepted, oldest first."""
        return self._call(lambda: list(self._tenant.outbox))

    @property
    def connections(self) -> dict[str, Connection]:
        """The connections that are set up, by id."""
        return self._call(lambda: dict(self._tenant.connections))

    @property
    def logs(self) -> list[Event]:
        """The events of the tenant's log, oldest first, also those that no search finds yet."""
        return self._call(self._tenant.logs.events)

    def fault(self, kind: str, **details: Any) -> None:
        """Inject a :class:`~dev.sandbox.faults.Fault`."""
        fault = Fault(kind=kind, **details)
        self._call(lambda: self._tenant.inject(fault))

    def clear_faults(self) -> None:
        """Remove all faults that have not happened yet."""
        self._call(self._tenant.clear_faults)

    def reset(self) -> None:
        """Forget what was received and created; tokens stay valid."""
        self._call(self._tenant.reset)

    def _serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            async with AsyncExitStack() as stack:
                if self._mail_port is not None:
                    from dev.sandbox.mail_server import serve_mail  # where no mail server runs, aiosmtpd may be missing

                    await stack.enter_async_context(await serve_mail(self._tenant, self.host, self._mail_port))
                await server.serve(sockets=[listener])

        with listener:
            asyncio.run(main())

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function on the tenant's own loop, or directly when it isn't running."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return function()

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_CALL_TIMEOUT)
