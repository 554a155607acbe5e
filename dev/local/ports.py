"""Ports of 127.0.0.1."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below the ports that Linux, macOS and Windows give to connections and to listeners that name none: one of those could
# be given away in the half minute between its choice and its use.
_FIRST, _LAST = 10_000, 29_999


class PortTakenError(RuntimeError):
    """Somebody listens already where a service was to."""


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to nobody by itself."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port


def require_free_port(port: int, variable: str) -> None:
    """
    Check that nobody listens on a port.

    :param port: the port.
    :param variable: the environment variable that chooses another one.
    :raises PortTakenError: if somebody does.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise PortTakenError(
            f"Port {port} is taken: stop what listens there, or choose another one with {variable}."
        ) from None
