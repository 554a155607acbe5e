"""Ports of 127.0.0.1."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below the ports that Linux, macOS and Windows assign by themselves: one of those could be assigned to another process
# in the half minute between its choice and its use.
_FIRST, _LAST = 10_000, 29_999


class PortTakenError(RuntimeError):
    """Another process listens on the port of a service."""


def free_port() -> int:
    """Return a port that nothing listens on, and that the system doesn't assign by itself."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port


def require_free_port(port: int, variable: str) -> None:
    """
    Check that nothing listens on a port.

    :param variable: the environment variable that chooses another one.
    :raises PortTakenError: if something does.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise PortTakenError(
            f"Port {port} is taken: stop what listens there, or choose another one with {variable}."
        ) from None
