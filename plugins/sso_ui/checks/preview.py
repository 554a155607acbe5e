"""
What a run with an uploaded file would do, before anything is sent.

The results of a check stay beside the upload, those of each lifetime and each way to read the file in files of their
own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from auth0_sso.exceptions import LedgerError
from auth0_sso.models import InputRow, TicketRequest
from auth0_sso.tickets.decide import Expected
from auth0_sso.tickets.preflight import RunOptions
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from include import reports
from include.create_tickets import LINKS_WORK_FOR
from include.files import write_private
from include.prospects import ReadOptions
from include.prospects.manifest import is_invalid_row, read_row
from include.prospects.records import InvalidRow, Problem
from sso_ui.access import CREATE_DAG
from sso_ui.checks import counting
from sso_ui.checks.counting import OtherLink, Preview, expected_rows
from sso_ui.checks.processes import PART, checked, counted
from sso_ui.data.ledger import readable_ledger, readable_url
from sso_ui.data.report_files import default_base
from sso_ui.data.tenant import Tenant, read_tenant
from sso_ui.data.uploads import file_of, folder_of, options_of

if TYPE_CHECKING:
    from pathlib import Path

    from include.files import AnyPath

ROWS_A_PAGE = 100
RECENT_SECONDS = 20.0
"""Numbers that are older are counted again when the page is loaded."""

_PREVIEW = TypeAdapter(Preview)


@dataclass(frozen=True)
class RowLine:
    """A row of the file: what would happen to it, or its problems, and other links for its connection."""

    row: InputRow
    would: str = ""
    valid_until: float | None = None
    problems: Sequence[Problem] = ()
    others: Sequence[OtherLink] = ()


def check(upload_id: str, ttl_sec: int, options: ReadOptions) -> Preview:
    """
    Check an upload and keep the result; one that was checked already is only counted again.

    :param options: how the file is read.
    :raises PreviewError: if it can't be used as a whole.
    :raises UploadError: if there is no such upload.
    """
    file, folder = file_of(upload_id), folder_of(upload_id)
    try:
        is_checked = (folder / _summary(ttl_sec, options)).exists()
        return _count(folder, ttl_sec, options) if is_checked else _check(file, folder, ttl_sec, options)
    except FileNotFoundError:
        folder_of(upload_id)  # if it has been removed meanwhile
        raise


def read(upload_id: str, ttl_sec: int) -> Preview | None:
    """
    Return the result that was kept; None if it was not checked so yet.

    :raises UploadError: if there is no such upload.
    """
    try:
        summary = folder_of(upload_id) / _summary(ttl_sec, options_of(upload_id))
        return _PREVIEW.validate_json(summary.read_bytes())
    except FileNotFoundError:
        return None


def is_recent(found: Preview) -> bool:
    """Whether it was counted a moment ago, and the first link was not requested since."""
    age = time.time() - found.counted_at
    return 0 <= age < RECENT_SECONDS and (not found.is_first or _is_first())


def upload_lines(upload_id: str, ttl_sec: int) -> Iterator[bytes]:
    """Yield the manifest's line of each row of an upload, as it was checked with a lifetime; none if it was not."""
    try:
        with (folder_of(upload_id) / _manifest(ttl_sec, options_of(upload_id))).open("rb") as lines:
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
    others: Iterable[OtherLink] = (),
) -> tuple[list[RowLine], int]:
    """
    Return one page of rows, numbered from 1, with what would happen to each, and how many rows there are.

    :param lines: the manifest's line of each row.
    :param options: of the run.
    :param others: valid links of prospects without a row, to be shown beside the rows.
    """
    shown = range((page - 1) * ROWS_A_PAGE, page * ROWS_A_PAGE)
    rows, total = [], 0
    for line in lines:
        if not only_invalid or is_invalid_row(line):
            if total in shown:
                rows.append(read_row(line))
            total += 1
    expected = _expected_by_row(rows, tenant, options)
    beside = defaultdict(list)
    for other in others:
        beside[other.row].append(other)
    return [_row_line(row, expected.get(row.row), beside.get(row.row, ())) for row in rows], total


def problems(upload_id: str, ttl_sec: int) -> Iterator[Problem]:
    """Yield all problems of an upload."""
    for line in upload_lines(upload_id, ttl_sec):
        row = read_row(line) if is_invalid_row(line) else None
        if isinstance(row, InvalidRow):
            yield from row.problems


def links_not_in_ledger(tenant: Tenant) -> int:
    """Return how many links a run would warn of before it sends anything, since the ledger is new; usually none."""
    try:
        with readable_ledger() as ledger:
            is_empty = ledger.is_empty()
    except (LedgerError, SQLAlchemyError):
        return 0
    if not is_empty or tenant.settings is None:
        return 0
    folder: Any = default_base() / CREATE_DAG
    found = reports.newest_links(folder, tenant.settings.domain, LINKS_WORK_FOR)
    return found.links if found else 0


def _check(file: AnyPath, folder: AnyPath, ttl_sec: int, options: ReadOptions) -> Preview:
    task = _counting_task(ttl_sec, read_tenant())
    with checked(file, folder, ttl_sec, options, task) as (manifest, summary):
        _keep(manifest, folder, _manifest(ttl_sec, options))
        _keep(summary, folder, _summary(ttl_sec, options))
        return _PREVIEW.validate_json(summary.read_bytes())


def _count(folder: AnyPath, ttl_sec: int, options: ReadOptions) -> Preview:
    task = _counting_task(ttl_sec, read_tenant())
    with counted(folder / _manifest(ttl_sec, options), folder, task) as summary:
        _keep(summary, folder, _summary(ttl_sec, options))
        return _PREVIEW.validate_json(summary.read_bytes())


def _keep(result: Path, folder: AnyPath, name: str) -> None:
    with result.open("rb") as stream:
        write_private(folder, name, iter(partial(stream.read, PART), b""))


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


def _manifest(ttl_sec: int, options: ReadOptions) -> str:
    return f"manifest-{ttl_sec}-{options.digest}.jsonl"


def _summary(ttl_sec: int, options: ReadOptions) -> str:
    return f"preview-{ttl_sec}-{options.digest}.json"


def _expected_by_row(rows: Iterable[InputRow], tenant: Tenant, options: RunOptions) -> dict[int, Expected]:
    if tenant.settings is None:
        return {}
    valid = [row for row in rows if isinstance(row, TicketRequest)]
    try:
        with readable_ledger() as ledger:
            found = list(expected_rows(ledger, valid, tenant.settings, options))
    except (LedgerError, SQLAlchemyError):
        return {}
    return {request.row: one for one in found for request in one.group.requests}


def _row_line(row: InputRow, expected: Expected | None, others: Sequence[OtherLink]) -> RowLine:
    if isinstance(row, InvalidRow):
        return RowLine(row, problems=row.problems)
    if expected is None:
        return RowLine(row)
    until = expected.entry.expires_at if expected.entry and expected.would == "reuse" else None
    return RowLine(row, would=expected.would, valid_until=until, others=others)
