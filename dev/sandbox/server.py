"""Running a sandbox tenant in a thread of this process, for tests, benchmarks and the demo."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import uvicorn

from dev.sandbox.api.hangup import HangUpProtocol
from dev.sandbox.app import create_app
from dev.sandbox.faults import Fault, FaultKind
from dev.sandbox.tenant.settings import SandboxSettings
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.stats import Stats, TicketView, take_stats, view_tickets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dev.sandbox.tenant.clock import Clock
    from dev.sandbox.tenant.traffic import Seen

T = TypeVar("T")

_START_TIMEOUT: Final = 20.0
_STOP_TIMEOUT: Final = 10.0


class SandboxError(Exception):
    """The sandbox can't run."""


class Sandbox:
    """A tenant that runs while the ``with`` block does.

    :param settings: what the tenant is made of
    :param host: address to listen on
    :param port: port to listen on; 0 takes a free one
    :param clock: the tenant's time, UNIX seconds; by default the machine's
    :param certificate: PEM file with certificate and key; given, the tenant speaks https
    :raises SandboxError: on entry, when the port is taken or the server doesn't come up
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        certificate: Path | None = None,
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.host = host
        self.port = port
        self._certificate = certificate
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
        """Host and port, as an Auth0 domain is written."""
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
        """Listen, and return once calls are answered.

        :raises SandboxError: when the port is taken or the server doesn't come up
        """
        try:
            listener = socket.create_server((self.host, self.port), backlog=512)
        except OSError as error:
            raise SandboxError(
                f"The sandbox can't listen on {self.domain} ({error.strerror}): choose another port, "
                "or 0 for a free one"
            ) from error
        # Head and body of an answer leave in two writes; Nagle's algorithm would hold the second for 40 ms.
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
                date_header=False,  # answers carry the tenant's own date
                access_log=False,  # its lines would hold ticket ids
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
                ssl_certfile=certificate,
            )
        )
        self._thread = threading.Thread(target=self._serve, args=(self._server, listener), daemon=True)
        self._thread.start()
        self._wait_until_started(self._server, self._thread)

    def stop(self) -> None:
        """Stop listening; calls in progress have a second to end."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_TIMEOUT)

    def stats(self) -> Stats:
        """Return the counters since the start or the last reset."""
        return self._ask(lambda: take_stats(self._tenant))

    @property
    def tickets(self) -> list[TicketView]:
        """All tickets made, oldest first."""
        return self._ask(lambda: view_tickets(self._tenant))

    @property
    def access_tokens(self) -> list[str]:
        """All access tokens issued, oldest first."""
        return self._ask(self._tenant.tokens.issued)

    @property
    def requests(self) -> list[Seen]:
        """All Management API calls, in the order they came in."""
        return self._ask(self._tenant.traffic.all)

    @property
    def connections(self) -> dict[str, str]:
        """The finished connections, id to name."""
        return self._ask(lambda: dict(self._tenant.connections))

    def max_in_window(self, seconds: float, which: Literal["all", "accepted"] = "all") -> int:
        """Return the most Management API calls that came in within any span shorter than ``seconds``."""
        return self._ask(lambda: self._tenant.traffic.max_in_window(seconds, which))

    def fault(self, kind: FaultKind, **details: Any) -> None:
        """Make something go wrong; for the details see :class:`~dev.sandbox.faults.Fault`."""
        fault = Fault(kind=kind, **details)
        self._ask(lambda: self._tenant.inject(fault))

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._ask(self._tenant.clear_faults)

    def reset(self) -> None:
        """Forget all that was seen and made; tokens stay valid."""
        self._ask(self._tenant.reset)

    def _serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve(sockets=[listener])

        with listener:
            asyncio.run(main())

    def _wait_until_started(self, server: uvicorn.Server, thread: threading.Thread) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise SandboxError(f"The sandbox did not come up on {self.domain}")
            time.sleep(0.005)

    def _ask(self, question: Callable[[], T]) -> T:
        """Put a question to the tenant on its own loop, or directly when it isn't running."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return question()

        async def answer() -> T:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(_STOP_TIMEOUT)
