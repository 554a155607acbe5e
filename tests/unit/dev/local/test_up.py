"""``make up``: what does not start leaves nothing running."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.local import __main__ as local
from dev.local.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    monkeypatch.setattr(local, "HOME", tmp_path / "up")
    return tmp_path / "up"


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[int, int], str]:
    """Return ``make up`` with ports for Airflow and the sandbox; it fails, and returns what it says."""

    def fail(port: int, sandbox_port: int) -> str:
        monkeypatch.setattr(sys, "argv", ["dev.local", "up", f"--port={port}", f"--sandbox-port={sandbox_port}"])
        assert local.main() == 1
        return " ".join(capsys.readouterr().out.split())

    return fail


def test_if_airflows_port_is_taken_the_sandbox_does_not_stay(
    home: Path, taken: int, up: Callable[[int, int], str]
) -> None:
    assert re.search(f"Port {taken} is taken: .* AIRFLOW_PORT", up(taken, free_port()))
    assert "ready on" in (home / "sandbox.log").read_text()
    assert not (home / "sandbox.pid").exists()


def test_who_listens_on_the_sandboxs_port_is_not_taken_for_it(
    home: Path, taken: int, up: Callable[[int, int], str]
) -> None:
    assert re.search(f"Port {taken} is taken: .* SANDBOX_PORT", up(free_port(), taken))
    assert not (home / "standalone.pid").exists()


@pytest.mark.parametrize("variable", ["AIRFLOW_PORT", "SANDBOX_PORT"])
def test_a_port_that_is_set_to_nothing_is_the_usual_one(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.local", "down"])
    monkeypatch.setenv(variable, "")
    assert local.main() == 0


def test_a_port_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.local", "up"])
    monkeypatch.setenv("AIRFLOW_PORT", "http")
    with pytest.raises(SystemExit):
        local.main()
    assert "argument --port: invalid int value: 'http'" in capsys.readouterr().err
