"""
What a run with an uploaded CSV would do, before anything is sent.

The results of a check stay beside the upload, those of each lifetime in files of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
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
from sso_ui.access import CREATE_DAG
from sso_ui.checks import counting
from sso_ui.checks.counting import INVALID, Preview, expected_rows
from sso_ui.checks.processes import PART, checked
from sso_ui.data.ledger import readable_ledger, readable_url
from sso_ui.data.tenant import Tenant, read_tenant
from sso_ui.data.uploads import file_of, folder_of

if TYPE_CHECKING:
    from include.files import AnyPath

ROWS_A_PAGE = 100
_MOST_OTHERS = 5
_PREVIEW = TypeAdapter(Preview)


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
    with checked(file, folder, ttl_sec, task) as (manifest, summary):
        for kept, result in ((_manifest(ttl_sec), manifest), (_summary(ttl_sec), summary)):
            with result.open("rb") as stream:
                write_private(folder, kept, iter(partial(stream.read, PART), b""))
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
