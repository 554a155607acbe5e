"""
What a run with an uploaded CSV would do, before anything is sent.

The CSV is checked and counted in processes of their own: 100,000 rows take many seconds and hundreds of MiB, which the
api-server must not spend. The results stay beside the upload.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath
from auth0_sso.exceptions import LedgerError
from auth0_sso.tickets.decide import Expected
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from include import reports, run
from include.create_tickets import LINKS_WORK_FOR
from include.files import write_private
from include.prospects.manifest import FILE_NAME
from sso_ui.access import CREATE_DAG
from sso_ui.data import counting
from sso_ui.data.counting import INVALID, Preview, expected_rows
from sso_ui.data.ledger import readable_ledger, readable_url
from sso_ui.data.tenant import Tenant
from sso_ui.data.uploads import file_of, folder_of

ROWS_A_PAGE = 100
_SUMMARY = "preview.json"
_CHECK_SECONDS = 300.0
_PLUGINS = str(Path(__file__).parents[2])
_PREVIEW = TypeAdapter(Preview)


class PreviewError(ValueError):
    """The CSV can't be used as a whole; each of ``problems`` says why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class RowLine:
    """A row of the CSV: what would happen to it, or its problems."""

    row: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    would: str = ""
    valid_until: float | None = None
    problems: Sequence[dict[str, Any]] = ()


async def check(upload_id: str, ttl_sec: int, tenant: Tenant) -> Preview:
    """
    Check an upload and keep the result.

    :raises PreviewError: if it can't be used as a whole.
    :raises UploadError: if there is no such upload.
    """
    file, folder = await asyncio.to_thread(lambda: (file_of(upload_id), folder_of(upload_id)))
    content, task = await asyncio.to_thread(lambda: (file.read_bytes(), _counting_task(ttl_sec, tenant)))
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            manifest, summary = await _check_and_count(content, file.name, ttl_sec, task)
    except TimeoutError:
        raise PreviewError([f"The check took over {_CHECK_SECONDS:.0f} seconds: divide the CSV."]) from None
    await asyncio.to_thread(write_private, folder, FILE_NAME, [manifest])
    await asyncio.to_thread(write_private, folder, _SUMMARY, [summary])
    return _PREVIEW.validate_json(summary)


def read(upload_id: str) -> Preview | None:
    """Return the result that was kept; None if it was not checked yet. UploadError if there is no such upload."""
    file = folder_of(upload_id) / _SUMMARY
    return _PREVIEW.validate_json(file.read_bytes()) if file.exists() else None


def upload_lines(upload_id: str) -> list[bytes]:
    """Return the manifest's line of each row of an upload."""
    file = folder_of(upload_id) / FILE_NAME
    return file.read_bytes().splitlines()[1:] if file.exists() else []


def read_rows(
    lines: list[bytes], tenant: Tenant, *, page: int, reissue: bool, only_invalid: bool = False, profile_id: str = ""
) -> tuple[list[RowLine], int]:
    """
    Return one page of rows, numbered from 1, with what would happen to each, and how many rows there are.

    :param lines: the manifest's line of each row.
    :param profile_id: the run's, for rows that name none.
    """
    if only_invalid:
        lines = [line for line in lines if line.startswith(INVALID)]
    first = (page - 1) * ROWS_A_PAGE
    rows = [json.loads(line) for line in lines[first : first + ROWS_A_PAGE]]
    expected = _expected_by_row(rows, tenant, reissue=reissue, profile_id=profile_id)
    return [_row_line(row, expected.get(row["row"])) for row in rows], len(lines)


def problems(upload_id: str) -> Iterator[dict[str, Any]]:
    """Return all problems of an upload: ``row``, ``source``, ``column``, ``value``, ``rule``."""
    for line in upload_lines(upload_id):
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


def _counting_task(ttl_sec: int, tenant: Tenant) -> bytes:
    ledger, unknown = "", tenant.problem
    if not unknown:
        try:
            ledger = readable_url().render_as_string(hide_password=False)
        except LedgerError as error:
            unknown = str(error)
    return counting.task(ttl_sec, tenant.settings, ledger, unknown)


async def _check_and_count(content: bytes, name: str, ttl_sec: int, task: bytes) -> tuple[bytes, bytes]:
    # The second process imports what it needs, which takes about as long as the check, while the first one checks.
    check = ("include.prospects", "check", "-", "--json", f"--name={name}", f"--ttl-sec={ttl_sec}")
    async with _python(*check) as checking, _python(counting.__name__) as counter:
        manifest, errors = await checking.communicate(content)
        if checking.returncode not in (0, 1):
            raise PreviewError(_reasons(manifest) or [_failure(errors)])
        summary, errors = await counter.communicate(task + manifest)
        if counter.returncode != 0:
            raise PreviewError([_failure(errors)])
    return manifest, summary


@asynccontextmanager
async def _python(module: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a module in a process of its own, which ends with the block: also if the browser has gone away."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((_PLUGINS, os.environ.get("PYTHONPATH", "")))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=run.PROJECT, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _reasons(output: bytes) -> list[str]:
    try:
        return [str(problem) for problem in json.loads(output)["problems"]]
    except (ValueError, KeyError, TypeError):
        return []


def _failure(errors: bytes) -> str:
    return f"The check has failed: {errors.decode(errors='replace')[-500:]}"


def _expected_by_row(
    rows: Iterable[dict[str, Any]], tenant: Tenant, *, reissue: bool, profile_id: str
) -> dict[int, Expected]:
    if tenant.settings is None:
        return {}
    valid = [row for row in rows if row["kind"] == "valid"]
    try:
        with readable_ledger() as ledger:
            found = list(expected_rows(ledger, valid, tenant.settings, reissue=reissue, profile_id=profile_id))
    except (LedgerError, SQLAlchemyError):
        return {}
    return {request.row: one for one in found for request in one.group.requests}


def _row_line(row: dict[str, Any], expected: Expected | None) -> RowLine:
    carried = {name: row[name] for name in RowLine.__annotations__ if name in row and name != "problems"}
    if expected is None:
        return RowLine(**carried, problems=row.get("problems", ()))
    until = expected.entry.expires_at if expected.entry and expected.would == "reuse" else None
    return RowLine(**carried, would=expected.would, valid_until=until)
