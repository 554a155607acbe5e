"""Ports of 127.0.0.1."""

from __future__ import annotations

import socket


class PortTakenError(RuntimeError):
    """Somebody listens already where a service was to."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
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
