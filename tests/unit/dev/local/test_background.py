"""What 'make down' ends: what was started here, and nobody who has got its number since."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.local.airflow import LocalAirflow
from dev.local.background import BackgroundProcess
from dev.local.tenant import LocalTenant


@pytest.fixture
def somebody_else() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process group that has nothing to do with it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        yield other
        other.kill()


@pytest.fixture
def pid_file_of_another_time(tmp_path: Path, somebody_else: subprocess.Popen[bytes]) -> str:
    """Return what stands in a pid file whose number somebody else has got since."""
    earlier = BackgroundProcess(tmp_path / "pid", tmp_path / "log")
    earlier.start(["true"]).wait()
    _, started = (tmp_path / "pid").read_text().split()
    return f"{somebody_else.pid} {float(started) - 3600}"


def test_a_process_that_has_got_the_number_of_an_earlier_airflow_is_left_alone(
    tmp_path: Path, pid_file_of_another_time: str, somebody_else: subprocess.Popen[bytes]
) -> None:
    airflow = LocalAirflow(tmp_path)
    (tmp_path / "standalone.pid").write_text(pid_file_of_another_time)

    assert not airflow.is_running()
    airflow.stop()
    assert_is_alive(somebody_else)
    assert not (tmp_path / "standalone.pid").exists()


def test_a_process_that_has_got_the_number_of_an_earlier_tenant_is_left_alone(
    tmp_path: Path, pid_file_of_another_time: str, somebody_else: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "sandbox.pid").write_text(pid_file_of_another_time)

    LocalTenant(tmp_path, 1).stop()
    assert_is_alive(somebody_else)


def test_what_the_process_has_left_behind_is_ended_by_another_one_that_reads_the_file(tmp_path: Path) -> None:
    first = BackgroundProcess(tmp_path / "pid", tmp_path / "log").start(["sh", "-c", "sleep 600 &"])
    first.wait()
    later = BackgroundProcess(tmp_path / "pid", tmp_path / "log")

    assert later.is_running()
    later.stop()
    with pytest.raises(ProcessLookupError):
        os.killpg(first.pid, signal.SIGKILL)


def assert_is_alive(process: subprocess.Popen[bytes]) -> None:
    """See that it still answers, which it does by ending when it is told to go on."""
    process.communicate(b"\n")
    assert process.returncode == 0
