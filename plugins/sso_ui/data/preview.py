"""
What a run with an uploaded CSV would do, before anything is sent.

The CSV is checked in a process of its own, by the command ``python -m include.prospects check``: 100,000 rows take
many seconds and hundreds of MiB, which the api-server must not spend. Its result stays beside the upload.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.tickets.batch import request_from, spec_of
from auth0_sso.tickets.decide import Expected, ExpectedCounts, count_expected, decide, expected_actions
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from include import run
from include.files import json_bytes, write_private
from include.prospects.manifest import FILE_NAME
from sso_ui.data.ledger import readable_ledger
from sso_ui.data.tenant import Tenant
from sso_ui.data.uploads import file_of, folder_of

if TYPE_CHECKING:
    from include.files import AnyPath

ROWS_A_PAGE = 100
_SUMMARY = "preview.json"
_CHECK_SECONDS = 300.0
_INVALID = b'{"kind":"invalid"'


class PreviewError(ValueError):
    """The CSV can't be used as a whole; each of ``problems`` says why."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Preview:
    """
    The numbers of a checked CSV.

    :param ttl_sec: the lifetime that it was checked with, for rows that set none.
    :param reuse: what would happen if valid links are reused, ``reissue`` if they are replaced; None if the ledger or
        the connection can't be read.
    :param unknown: why that is.
    """

    ttl_sec: int
    valid: int
    invalid: int
    organizations: int
    warnings: list[str]
    reuse: ExpectedCounts | None
    reissue: ExpectedCounts | None
    unknown: str

    def requests(self, *, reissue: bool) -> int:
        """Return how many requests a run sends; without a look into the ledger one a row."""
        counts = self.reissue if reissue else self.reuse
        return self.valid if counts is None else counts.requests


_PREVIEW = TypeAdapter(Preview)


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
    manifest = await _run_check(await asyncio.to_thread(file.read_bytes), file.name, ttl_sec)
    return await asyncio.to_thread(_keep, folder, manifest, ttl_sec, tenant)


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
        lines = [line for line in lines if line.startswith(_INVALID)]
    first = (page - 1) * ROWS_A_PAGE
    rows = [json.loads(line) for line in lines[first : first + ROWS_A_PAGE]]
    expected = _expected_by_row(rows, tenant, reissue=reissue, profile_id=profile_id)
    return [_row_line(row, expected.get(row["row"])) for row in rows], len(lines)


def problems(upload_id: str) -> Iterator[dict[str, Any]]:
    """Return all problems of an upload: ``row``, ``source``, ``column``, ``value``, ``rule``."""
    for line in upload_lines(upload_id):
        if line.startswith(_INVALID):
            yield from json.loads(line)["problems"]


async def _run_check(content: bytes, name: str, ttl_sec: int) -> bytes:
    command = [sys.executable, "-m", "include.prospects", "check", "-", "--json", f"--name={name}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        f"--ttl-sec={ttl_sec}",
        cwd=run.PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(content), _CHECK_SECONDS)
    except TimeoutError:
        raise PreviewError([f"The check took over {_CHECK_SECONDS:.0f} seconds: divide the CSV."]) from None
    finally:
        if process.returncode is None:  # also if the browser has gone away
            process.kill()
    if process.returncode not in (0, 1):
        raise PreviewError(_reasons(output) or [f"The check has failed: {errors.decode(errors='replace')[-500:]}"])
    return output


def _reasons(output: bytes) -> list[str]:
    try:
        return [str(problem) for problem in json.loads(output)["problems"]]
    except (ValueError, KeyError, TypeError):
        return []


def _keep(folder: AnyPath, manifest: bytes, ttl_sec: int, tenant: Tenant) -> Preview:
    write_private(folder, FILE_NAME, [manifest])
    head, *lines = manifest.splitlines()
    rows = [json.loads(line) for line in lines if not line.startswith(_INVALID)]
    reuse, reissue, unknown = _totals(rows, tenant)
    preview = Preview(
        ttl_sec=ttl_sec,
        valid=len(rows),
        invalid=len(lines) - len(rows),
        organizations=len({row["organization_id"] for row in rows}),
        warnings=json.loads(head)["warnings"],
        reuse=reuse,
        reissue=reissue,
        unknown=unknown,
    )
    write_private(folder, _SUMMARY, [json_bytes(asdict(preview))])
    return preview


def _totals(rows: Iterable[dict[str, Any]], tenant: Tenant) -> tuple[ExpectedCounts | None, ExpectedCounts | None, str]:
    if tenant.settings is None:
        return None, None, tenant.problem
    try:
        with readable_ledger() as ledger:
            reuse = list(_expected(ledger, rows, tenant, reissue=False))
            attempt, now = _next_run(ledger), ledger.now()
    except (LedgerError, SQLAlchemyError) as error:
        return None, None, str(error).splitlines()[0]
    reissue = (replace(one, action=decide(one.entry, one.group.first, attempt, reissue=True, now=now)) for one in reuse)
    return count_expected(reuse), count_expected(reissue), ""


def _expected_by_row(
    rows: Iterable[dict[str, Any]], tenant: Tenant, *, reissue: bool, profile_id: str
) -> dict[int, Expected]:
    valid = [row for row in rows if row["kind"] == "valid"]
    try:
        with readable_ledger() as ledger:
            found = list(_expected(ledger, valid, tenant, reissue=reissue, profile_id=profile_id))
    except (LedgerError, SQLAlchemyError):
        return {}
    return {request.row: one for one in found for request in one.group.requests}


def _expected(
    ledger: Ledger, rows: Iterable[dict[str, Any]], tenant: Tenant, *, reissue: bool, profile_id: str = ""
) -> Iterator[Expected]:
    if (settings := tenant.settings) is None:
        return iter(())
    specs = (spec_of(request_from(row), settings, profile_id) for row in rows)
    return expected_actions(ledger, specs, _next_run(ledger), reissue=reissue)


def _next_run(ledger: Ledger) -> RunAttempt:
    return RunAttempt("", 0, ledger.now())


def _row_line(row: dict[str, Any], expected: Expected | None) -> RowLine:
    carried = {name: row[name] for name in RowLine.__annotations__ if name in row and name != "problems"}
    if expected is None:
        return RowLine(**carried, problems=row.get("problems", ()))
    until = expected.entry.expires_at if expected.entry and expected.would == "reuse" else None
    return RowLine(**carried, would=expected.would, valid_until=until)
