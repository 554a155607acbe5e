"""``make down`` stops what was started here, and no other process that has its number now."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.local.background import BackgroundProcess


@pytest.fixture
def another_process() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process group that was not started here; it ends when it receives a line."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("started", [" 1000000000.0", "", " ", " 17999.0 0"])
def test_a_process_that_the_file_does_not_identify_is_left_alone(
    tmp_path: Path, another_process: subprocess.Popen[bytes], started: str
) -> None:
    background = BackgroundProcess(tmp_path / "pid", tmp_path / "log")
    (tmp_path / "pid").write_text(f"{another_process.pid}{started}")

    assert not background.is_running()
    background.stop()
    assert not (tmp_path / "pid").exists()
    another_process.communicate(b"\n")
    assert another_process.returncode == 0


def test_what_a_process_has_left_running_is_stopped_by_another_one_that_reads_the_file(tmp_path: Path) -> None:
    first = BackgroundProcess(tmp_path / "pid", tmp_path / "log").start(["sh", "-c", "sleep 600 &"])
    first.wait()
    later = BackgroundProcess(tmp_path / "pid", tmp_path / "log")

    assert later.is_running()
    later.stop()
    with pytest.raises(ProcessLookupError):
        os.killpg(first.pid, signal.SIGKILL)
