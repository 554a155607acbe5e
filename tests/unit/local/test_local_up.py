"""``make up``: what does not start leaves nothing running."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from include.local import __main__ as local
from include.local.ports import PortTakenError, free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    monkeypatch.setattr(local, "_HOME", tmp_path / "up")
    return tmp_path / "up"


def test_if_airflows_port_is_taken_the_sandbox_does_not_stay(home: Path, taken: int) -> None:
    sandbox_port = free_port()
    with pytest.raises(PortTakenError, match=f"Port {taken} is taken: .* AIRFLOW_PORT"):
        local._up(Console(quiet=True), taken, sandbox_port)
    assert "ready on" in (home / "sandbox.log").read_text()
    assert not (home / "sandbox.pid").exists()


def test_who_listens_on_the_sandboxs_port_is_not_taken_for_it(home: Path, taken: int) -> None:
    with pytest.raises(PortTakenError, match=f"Port {taken} is taken: .* SANDBOX_PORT"):
        local._up(Console(quiet=True), free_port(), taken)
    assert not (home / "standalone.pid").exists()
