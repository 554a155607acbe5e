"""
What a run with an uploaded CSV would do, before anything is sent.

The CSV is checked and counted in processes of their own, which read and write files: it would take the api-server many
seconds and hundreds of MiB. The results stay beside the upload, those of each lifetime in files of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath
from auth0_sso.exceptions import LedgerError
from auth0_sso.tickets.decide import Expected
from auth0_sso.tickets.preflight import RunOptions
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from include import reports, run
from include.create_tickets import LINKS_WORK_FOR
from include.files import write_private
from include.prospects.load import MOST_ROWS
from sso_ui.access import CREATE_DAG
from sso_ui.data import counting
from sso_ui.data.counting import INVALID, Preview, expected_rows
from sso_ui.data.ledger import readable_ledger, readable_url
from sso_ui.data.tenant import Tenant, read_tenant
from sso_ui.data.uploads import file_of, folder_of

if TYPE_CHECKING:
    from include.files import AnyPath

ROWS_A_PAGE = 100
MOST_LINES = 50_000
"""Lines of a CSV, without its header. If they fill 100 MiB, the two processes of a check need 400 and then 470 MiB, and
two checks run at once. 250,000 lines would take 810 and then 1,700 MiB."""

_MOST_OTHERS = 5
_CHECK_SECONDS = 300.0
_PART = 2**20
_PLUGINS = str(Path(__file__).parents[2])
_PREVIEW = TypeAdapter(Preview)


class PreviewError(ValueError):
    """The CSV can't be used as a whole; each of ``problems`` says why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class OtherLink:
    """A valid link that another prospect has for a row's connection; ``key`` is the prospect's in the ledger."""

    key: str
    person: str
    valid_until: float | None


@dataclass(frozen=True)
class RowLine:
    """A row of the CSV: what would happen to it, or its problems; ``others`` are the first such links."""

    row: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    would: str = ""
    valid_until: float | None = None
    problems: Sequence[dict[str, Any]] = ()
    others: Sequence[OtherLink] = ()


def check(upload_id: str, ttl_sec: int) -> Preview:
    """
    Check an upload and keep the result.

    :raises PreviewError: if it can't be used as a whole.
    :raises UploadError: if there is no such upload.
    """
    file, folder = file_of(upload_id), folder_of(upload_id)
    try:
        return _check(file, folder, ttl_sec)
    except FileNotFoundError:
        folder_of(upload_id)  # if it has been removed meanwhile
        raise


def read(upload_id: str, ttl_sec: int) -> Preview | None:
    """
    Return the result that was kept; None if it was not checked so yet, or if the first link was requested since.

    :raises UploadError: if there is no such upload.
    """
    try:
        kept = _PREVIEW.validate_json((folder_of(upload_id) / _summary(ttl_sec)).read_bytes())
    except FileNotFoundError:
        return None
    return kept if not kept.is_first or _is_first() else None


def upload_lines(upload_id: str, ttl_sec: int) -> Iterator[bytes]:
    """Yield the manifest's line of each row of an upload, as it was checked with a lifetime; none if it was not."""
    try:
        with (folder_of(upload_id) / _manifest(ttl_sec)).open("rb") as lines:
            yield from islice(lines, 1, None)
    except FileNotFoundError:
        return


def read_rows(
    lines: Iterable[bytes],
    tenant: Tenant,
    *,
    page: int,
    options: RunOptions,
    only_invalid: bool = False,
) -> tuple[list[RowLine], int]:
    """
    Return one page of rows, numbered from 1, with what would happen to each, and how many rows there are.

    :param lines: the manifest's line of each row.
    :param options: of the run.
    """
    shown = range((page - 1) * ROWS_A_PAGE, page * ROWS_A_PAGE)
    rows, total = [], 0
    for line in lines:
        if line.startswith(INVALID) or not only_invalid:
            if total in shown:
                rows.append(json.loads(line))
            total += 1
    expected = _expected_by_row(rows, tenant, options)
    return [_row_line(row, expected.get(row["row"])) for row in rows], total


def problems(upload_id: str, ttl_sec: int) -> Iterator[dict[str, Any]]:
    """Return all problems of an upload: ``row``, ``source``, ``column``, ``value``, ``rule``."""
    for line in upload_lines(upload_id, ttl_sec):
        if line.startswith(INVALID):
            yield from json.loads(line)["problems"]


def links_not_in_ledger() -> int:
    """Return how many links a run would warn of before it sends anything, since the ledger is new; usually none."""
    try:
        with readable_ledger() as ledger:
            is_empty = ledger.is_empty()
    except (LedgerError, SQLAlchemyError):
        return 0
    folder: Any = ObjectStoragePath(run.absolute(run.DEFAULT_REPORTS)) / CREATE_DAG
    found = reports.newest_links(folder, LINKS_WORK_FOR) if is_empty else None
    return found.links if found else 0


def _check(file: AnyPath, folder: AnyPath, ttl_sec: int) -> Preview:
    task = _counting_task(ttl_sec, read_tenant())
    with _workspace(folder) as space:
        content = space / file.name
        with file.open("rb") as uploaded, content.open("wb") as copy:
            shutil.copyfileobj(uploaded, copy, _PART)
        _require_few_lines(content)
        manifest, summary = space / "manifest", space / "summary"
        _check_and_count(content, manifest, summary, ttl_sec, task)
        for kept, result in ((_manifest(ttl_sec), manifest), (_summary(ttl_sec), summary)):
            with result.open("rb") as stream:
                write_private(folder, kept, iter(partial(stream.read, _PART), b""))
        return _PREVIEW.validate_json(summary.read_bytes())


def _counting_task(ttl_sec: int, tenant: Tenant) -> bytes:
    ledger, unknown = "", tenant.problem
    if not unknown:
        try:
            url = readable_url()
            ledger = url.render_as_string(hide_password=False) if url else ""
        except LedgerError as error:
            unknown = str(error)
    return counting.task(ttl_sec, tenant.settings, ledger, unknown)


def _is_first() -> bool:
    try:
        return readable_url() is None
    except LedgerError:
        return False


def _manifest(ttl_sec: int) -> str:
    return f"manifest-{ttl_sec}.jsonl"


def _summary(ttl_sec: int) -> str:
    return f"preview-{ttl_sec}.json"


@contextmanager
def _workspace(folder: Any) -> Iterator[Path]:
    """Make a local folder for the time of a check, on the disk of a local upload: ``/tmp`` may be in memory."""
    place = folder.path if folder.protocol in ("", "file", "local") else None
    with TemporaryDirectory(dir=place, prefix=".check-", ignore_cleanup_errors=True) as space:
        yield Path(space)


def _require_few_lines(content: Path) -> None:
    with content.open("rb") as stream:
        breaks = [(part.count(b"\n"), part.count(b"\r")) for part in iter(partial(stream.read, _PART), b"")]
    if max(map(sum, zip(*breaks, strict=True)), default=0) > MOST_LINES + 1:
        raise PreviewError(
            [
                f"The CSV has over {MOST_LINES:,} lines, and the api-server has no memory to check more. Divide it, "
                f"or name a path or URI of it below: a run takes up to {MOST_ROWS:,} rows."
            ]
        )


def _check_and_count(content: Path, manifest: Path, summary: Path, ttl_sec: int, task: bytes) -> None:
    until = time.monotonic() + _CHECK_SECONDS
    check = ("include.prospects", "check", "-", "--json", f"--name={content.name}", f"--ttl-sec={ttl_sec}")
    # The second process imports what it needs, which takes about as long as the check, while the first one checks.
    with (
        _python(content, manifest, *check) as checking,
        _python(None, summary, counting.__name__, str(manifest)) as counter,
    ):
        errors = _end(checking, b"", until)
        if checking.returncode not in (0, 1):
            raise PreviewError(_reasons(manifest) or [_failure(errors)])
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
            command, cwd=run.PROJECT, env=env, stdin=stdin_or_pipe, stdout=stdout, stderr=PIPE
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
        raise PreviewError([f"The check took over {_CHECK_SECONDS:.0f} seconds: divide the CSV."]) from None


def _reasons(output: Path) -> list[str]:
    try:
        return [str(problem) for problem in json.loads(output.read_bytes())["problems"]]
    except (ValueError, KeyError, TypeError):
        return []


def _failure(errors: bytes) -> str:
    return f"The check has failed: {errors.decode(errors='replace')[-500:]}"


def _expected_by_row(rows: Iterable[dict[str, Any]], tenant: Tenant, options: RunOptions) -> dict[int, Expected]:
    if tenant.settings is None:
        return {}
    valid = [row for row in rows if row["kind"] == "valid"]
    try:
        with readable_ledger() as ledger:
            found = list(expected_rows(ledger, valid, tenant.settings, options))
    except (LedgerError, SQLAlchemyError):
        return {}
    return {request.row: one for one in found for request in one.group.requests}


def _row_line(row: dict[str, Any], expected: Expected | None) -> RowLine:
    carried = {name: row[name] for name in RowLine.__annotations__ if name in row and name != "problems"}
    if expected is None:
        return RowLine(**carried, problems=row.get("problems", ()))
    until = expected.entry.expires_at if expected.entry and expected.would == "reuse" else None
    others = [OtherLink(one.key, one.person, one.expires_at) for one in expected.others[:_MOST_OTHERS]]
    return RowLine(**carried, would=expected.would, valid_until=until, others=others)
