"""``make up``: if one part doesn't start, nothing is left running."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.local import __main__ as local
from dev.local.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that another server listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    monkeypatch.setattr(local, "HOME", tmp_path / "up")
    return tmp_path / "up"


@pytest.mark.parametrize("variable", ["AIRFLOW_PORT", "SANDBOX_PORT"])
def test_a_taken_port_is_named_and_nothing_is_left_running(
    home: Path, taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.local", "up"])
    for name in ("AIRFLOW_PORT", "SANDBOX_PORT"):
        monkeypatch.setenv(name, str(taken if name == variable else free_port()))
    assert local.main() == 1
    assert re.search(rf"Port {taken} is taken: .*\s{variable}", capsys.readouterr().out)
    assert (home / "sandbox.log").exists() == (variable == "AIRFLOW_PORT"), "the sandbox is started first"
    assert not list(home.glob("*.pid"))


@pytest.mark.parametrize("variable", ["AIRFLOW_PORT", "SANDBOX_PORT"])
def test_an_empty_port_is_the_default_and_a_port_that_is_not_a_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.local", "down"])
    monkeypatch.setenv(variable, "")
    assert local.main() == 0
    monkeypatch.setenv(variable, "http")
    with pytest.raises(SystemExit):
        local.main()
