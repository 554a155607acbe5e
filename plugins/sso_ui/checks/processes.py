"""
The two processes of a check: one checks the file as a run does, the other counts what a run would do.

They read and write files, so the api-server, which has one interpreter lock for all its requests, passes nothing on.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from include.files import json_bytes
from include.folders import PROJECT
from include.prospects import ProspectsError, ReadOptions, read_lines
from include.prospects.records import Question
from sso_ui.checks import counting

if TYPE_CHECKING:
    from include.files import AnyPath

_CHECK_SECONDS = 300.0
PART = 2**20
"""Bytes that are copied at once."""
_PLUGINS = str(Path(__file__).parents[2])


class PreviewError(ValueError):
    """
    The file can't be used as a whole.

    :param problems: each says why.
    :param question: whose answer makes it usable, if there is one.
    """

    def __init__(self, problems: Sequence[str], question: Question | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)
        self.question = question


@contextmanager
def checked(
    file: AnyPath, folder: AnyPath, ttl_sec: int, options: ReadOptions, task: bytes
) -> Iterator[tuple[Path, Path]]:
    """
    Check a file and count; the block gets the paths of the manifest and of the numbers, files that end with it.

    :param folder: of the upload.
    :param options: how the file is read.
    :param task: see :func:`sso_ui.checks.counting.task`.
    :raises PreviewError: if the file can't be used as a whole.
    """
    with _workspace(folder) as space:
        content, manifest, summary = space / file.name, space / "manifest", space / "summary"
        with file.open("rb") as uploaded, content.open("wb") as copy:
            shutil.copyfileobj(uploaded, copy, PART)
        _check_and_count(content, manifest, summary, ttl_sec, options, task)
        yield manifest, summary


@contextmanager
def counted(kept: AnyPath, folder: AnyPath, task: bytes) -> Iterator[Path]:
    """
    Count again; the block gets the path of the numbers, a file that ends with it.

    :param kept: the manifest of an earlier check.
    :raises PreviewError: if that fails.
    """
    with _workspace(folder) as space:
        manifest, summary = space / "manifest", space / "summary"
        with kept.open("rb") as stream, manifest.open("wb") as copy:
            shutil.copyfileobj(stream, copy, PART)
        _count(manifest, summary, task)
        yield summary


@contextmanager
def _workspace(folder: Any) -> Iterator[Path]:
    """Make a local folder for the time of a check, on the disk of a local upload: ``/tmp`` may be in memory."""
    place = folder.path if folder.protocol in ("", "file", "local") else None
    with TemporaryDirectory(dir=place, prefix=".check-", ignore_cleanup_errors=True) as space:
        yield Path(space)


def _check_and_count(
    content: Path, manifest: Path, summary: Path, ttl_sec: int, options: ReadOptions, task: bytes
) -> None:
    until = time.monotonic() + _CHECK_SECONDS
    check = _check_command(content, ttl_sec, options)
    # The second process imports what it needs, which takes about as long as the check, while the first one checks.
    with (
        _python(content, manifest, *check) as checking,
        _counter(manifest, summary) as counter,
    ):
        errors = _end(checking, b"", until)
        if checking.returncode not in (0, 1):
            raise _refusal(manifest) or PreviewError([_failure(errors)])
        _end_counting(counter, task, until)


def _count(manifest: Path, summary: Path, task: bytes) -> None:
    with _counter(manifest, summary) as counter:
        _end_counting(counter, task, time.monotonic() + _CHECK_SECONDS)


def _counter(manifest: Path, summary: Path) -> AbstractContextManager[Popen[bytes]]:
    return _python(None, summary, counting.__name__, str(manifest))


def _end_counting(counter: Popen[bytes], task: bytes, until: float) -> None:
    errors = _end(counter, task, until)
    if counter.returncode != 0:
        raise PreviewError([_failure(errors)])


@contextmanager
def _python(given: Path | None, output: Path, module: str, *arguments: str) -> Iterator[Popen[bytes]]:
    """Run a module in a process of its own, which ends with the block; without a file, its input is a pipe."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((_PLUGINS, os.environ.get("PYTHONPATH", "")))}
    command = [sys.executable, "-m", module, *arguments]
    with (given or Path(os.devnull)).open("rb") as stdin, output.open("wb") as stdout:
        stdin_or_pipe = stdin if given else PIPE
        process = Popen(  # noqa: S603 - an array of our own
            command, cwd=PROJECT, env=env, stdin=stdin_or_pipe, stdout=stdout, stderr=PIPE
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _end(process: Popen[bytes], given: bytes, until: float) -> bytes:
    """Give a process its input, wait for its end, and return what it has written to its standard error."""
    try:
        return process.communicate(given or None, timeout=max(until - time.monotonic(), 0.0))[1]
    except TimeoutExpired:
        raise PreviewError([f"The check took over {_CHECK_SECONDS:.0f} seconds: divide the file."]) from None


def _check_command(content: Path, ttl_sec: int, options: ReadOptions) -> list[str]:
    columns = content.with_name("columns.json")
    columns.write_bytes(json_bytes(options.columns))
    return [
        "include.prospects",
        "check",
        "-",
        "--json",
        "--questions",
        f"--name={content.name}",
        f"--ttl-sec={ttl_sec}",
        f"--columns={columns}",
        f"--on-unknown-columns={options.on_unknown_columns}",
        f"--sheet={options.sheet}",
        f"--encoding={options.encoding}",
    ]


def _refusal(output: Path) -> PreviewError | None:
    """Return the error for a file that can't be used; None if the process has ended without saying why."""
    try:
        read_lines(output.read_bytes().splitlines())
    except ProspectsError as error:
        return PreviewError(error.problems, error.question)
    except ValueError:
        pass
    return None


def _failure(errors: bytes) -> str:
    return f"The check has failed: {errors.decode(errors='replace')[-500:]}"
