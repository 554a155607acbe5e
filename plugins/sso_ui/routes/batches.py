"""*New batch*: a file is uploaded, checked, previewed, and started with the viewer's own rights."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Literal

from auth0_sso.models import MAX_TTL_SEC, UNSAFE_CHARACTERS, ExpectedCounts, shown
from auth0_sso.tickets.preflight import RunOptions
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData, UploadFile

from include import reports
from include.fan_out import choose_fan_out
from include.params import CREATE_PARAMS
from include.prospects import ProspectsError, ReadOptions
from include.prospects.load import MAX_ROWS
from include.prospects.records import Question
from include.prospects.schema.columns import COLUMNS
from include.prospects.schema.columns import USUAL as USUAL_COLUMNS
from include.prospects.schema.usual_names import proposed_columns
from include.prospects.table.header import MAX_COLUMNS, require_columns
from include.prospects.table.options import DEFAULT_OPTIONS, ENCODINGS
from include.reports.wording import plural
from sso_ui.access import CREATE_DAG, MAY_CREATE, SAME_ORIGIN, revoking
from sso_ui.airflow import User, max_map_length
from sso_ui.bodies import limited
from sso_ui.checks import preview
from sso_ui.checks.counting import Preview
from sso_ui.checks.line import CheckLine
from sso_ui.checks.processes import PreviewError
from sso_ui.data import mappings, uploads
from sso_ui.data.tenant import read_tenant
from sso_ui.rendering import HEADERS, MEDIA_TYPES, render

router = APIRouter(prefix="/batches", dependencies=[MAY_CREATE, Depends(uploads.remove_old)])

WAIT_SECONDS = 5.0
"""So long a request waits for a check."""
CHECKS: CheckLine[Preview] = CheckLine()

_MAX_FORM_BYTES = 256 * 2**10
"""Bytes of the form around a file, and of one with the columns of a file."""
_MAX_SHEET_CHARACTERS = 255
_REPLACE_LIMIT: int = CREATE_PARAMS["replace_limit"]["default"]
_MAX_SHOWN_CHARACTERS = 100_000
"""Characters of a pasted CSV that can't be used."""

TtlSec = Annotated[int, Query(ge=0, le=MAX_TTL_SEC)]
Page = Annotated[int, Query(ge=1, le=100_000)]


class AnswerError(ValueError):
    """What a person has said about a file can't be used."""


@router.get("/new", response_class=HTMLResponse)
def new_batch(request: Request) -> HTMLResponse:
    """Return the form for a file."""
    return render(request, "new_batch.html.j2", problems=[], text="", **_limits())


@router.post("", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
async def upload(request: Request, user: User) -> Response:
    """Keep and check a file that was chosen, dropped or pasted; then show its preview, or why it can't be used."""
    text = ""
    try:
        async with _form(request) as form:
            pasted = form.get("text")
            text = pasted[:_MAX_SHOWN_CHARACTERS] if isinstance(pasted, str) else ""
            upload_id = await _keep(form.get("file"), pasted, user.get_name())
        await _checked_as_before(user, upload_id, DEFAULT_OPTIONS)
    except (uploads.UploadError, PreviewError) as error:
        if not (isinstance(error, PreviewError) and error.question):
            return _unusable(request, error, text)
    return _to_preview(request, upload_id)


@router.post("/{upload_id}/options", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
async def answer(request: Request, user: User, upload_id: str) -> Response:
    """Keep how a file is to be read, as a person has answered; then show its preview."""
    async with limited(request, _MAX_FORM_BYTES).form(max_files=0, max_fields=2 * MAX_COLUMNS + 10) as form:
        given = {name: [str(value) for value in form.getlist(name)] for name in form}
    try:
        options = await asyncio.to_thread(_keep_answer, user, upload_id, given)
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None
    except AnswerError as error:
        raise HTTPException(422, str(error)) from None
    with suppress(PreviewError, uploads.UploadError):  # the preview says why
        await _checked_as_before(user, upload_id, options)
    return _to_preview(request, upload_id)


@router.post("/{upload_id}/questions", dependencies=[SAME_ORIGIN])
def ask_again(request: Request, user: User, upload_id: str) -> Response:
    """Forget how an upload is read, so that it is asked again."""
    try:
        uploads.require_owner(upload_id, user.get_name())
        uploads.keep_options(upload_id, DEFAULT_OPTIONS)
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None
    return _to_preview(request, upload_id)


@router.get("/{upload_id}", response_class=HTMLResponse)
async def show_preview(
    request: Request,
    user: User,
    upload_id: str,
    page: Page = 1,
    ttl_sec: TtlSec = 0,
    reissue: bool = False,
    edit: bool = False,
    only_invalid: bool = False,
) -> HTMLResponse:
    """Show what a run would do, a page of rows at a time; while the file is checked, a page that renews itself."""
    try:
        options = await asyncio.to_thread(uploads.options_of, upload_id)
        kept = await asyncio.to_thread(preview.read, upload_id, ttl_sec)
        found = kept if kept and page > 1 else await _checked(upload_id, ttl_sec, options, kept)
        if found is None:
            is_running = CHECKS.is_running(_key(upload_id, ttl_sec, options, kept))
            return render(request, "waiting.html.j2", 202, is_running=is_running)
        run = RunOptions(on_existing="reissue" if reissue else "reuse", on_conflict="edit" if edit else "report")
        return await asyncio.to_thread(_page, request, user, upload_id, found, options, page, run, only_invalid)
    except PreviewError as error:
        if error.question:
            return await asyncio.to_thread(_question, request, user, upload_id, error.problems, error.question)
        return _unusable(request, error)
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None


@router.get("/{upload_id}/problems.{kind}")
def download_problems(upload_id: str, kind: Literal["csv", "xlsx"], ttl_sec: TtlSec = 0) -> Response:
    """Return all problems as a CSV or a workbook; ``line`` is a workbook's sheet row."""
    try:
        problems = list(preview.problems(upload_id, ttl_sec))
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None
    table = reports.table_of(("row", "line", "source", "column", "value", "rule"), problems)
    content = b"".join(reports.csv_parts(table)) if kind == "csv" else reports.xlsx_bytes(table, "Problems")
    disposition = {"Content-Disposition": f'attachment; filename="problems.{kind}"'}
    return Response(content, media_type=MEDIA_TYPES[kind], headers={**HEADERS, **disposition})


def _form(request: Request) -> AbstractAsyncContextManager[FormData]:
    most = uploads.MAX_UPLOAD_BYTES + _MAX_FORM_BYTES
    return limited(request, most, uploads.too_large()).form(max_files=1, max_fields=10, max_part_size=most)


async def _keep(file: UploadFile | str | None, text: UploadFile | str | None, owner: str) -> str:
    if isinstance(file, UploadFile) and file.filename:
        return await asyncio.to_thread(uploads.keep, file.filename, file.file, owner)
    if isinstance(text, str) and text.strip():
        content = io.BytesIO(text.encode(errors="surrogatepass"))
        return await asyncio.to_thread(uploads.keep, "pasted.csv", content, owner)
    raise PreviewError(["There is nothing to check: choose a file, or paste its rows."])


async def _checked_as_before(user: User, upload_id: str, options: ReadOptions) -> None:
    """Check an upload; with the mapping of columns that the person has chosen for such a file, if it needs one."""
    try:
        await _checked(upload_id, 0, options, None)
    except PreviewError as error:
        if error.question is None or error.question.about != "columns":
            raise
        names = [column.name for column in error.question.columns]
        columns = await asyncio.to_thread(mappings.recall, user.get_name(), names)
        if columns is None:
            raise
        mapped = replace(options, columns=columns)
        await asyncio.to_thread(uploads.keep_options, upload_id, mapped)
        await _checked(upload_id, 0, mapped, None)


async def _checked(upload_id: str, ttl_sec: int, options: ReadOptions, kept: Preview | None) -> Preview | None:
    """Return an upload's result, made now unless the kept one is recent; None if that has not ended soon."""
    if kept is not None and await asyncio.to_thread(preview.is_recent, kept):
        return kept
    check = partial(preview.check, upload_id, ttl_sec, options)
    return await CHECKS.result(_key(upload_id, ttl_sec, options, kept), check, seconds=WAIT_SECONDS)


def _key(upload_id: str, ttl_sec: int, options: ReadOptions, kept: Preview | None) -> Hashable:
    """Return what identifies a check in the line: also the result that it renews, so that no older one is fetched."""
    return upload_id, ttl_sec, options.digest, kept and kept.counted_at


def _keep_answer(user: User, upload_id: str, given: Mapping[str, list[str]]) -> ReadOptions:
    """
    Keep a person's answer with those before it, and a mapping of columns for the next file with the same header.

    :param given: the fields of the form: one of ``sheet`` and ``encoding``, or ``name`` and ``column`` of each column.
    :raises AnswerError: if the answer is none.
    :raises UploadError: if there is no such upload.
    """
    uploads.require_owner(upload_id, user.get_name())
    options = uploads.options_of(upload_id)
    if sheet := given.get("sheet"):
        if UNSAFE_CHARACTERS.search(sheet[0]) or len(sheet[0]) > _MAX_SHEET_CHARACTERS:
            raise AnswerError("No sheet can have this name.")
        options = replace(options, sheet=sheet[0])
    if encoding := given.get("encoding"):
        if encoding[0] not in ENCODINGS:
            raise AnswerError(f"There is no encoding '{shown(encoding[0])}' here.")
        options = replace(options, encoding=encoding[0])
    if names := given.get("name"):
        columns = _mapping(names, given.get("column", []))
        try:
            require_columns(columns)
        except ProspectsError as error:
            raise AnswerError(str(error)) from None
        mappings.remember(user.get_name(), names, columns)
        options = replace(options, columns=columns)
    uploads.keep_options(upload_id, options)
    return options


def _mapping(names: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """Return the answers by name; AnswerError if there is not one answer for each."""
    if len(names) != len(columns):
        raise AnswerError("There is not one answer for each column.")
    answers = set(zip(names, columns, strict=True))
    twice = [name for name, count in Counter(name for name, _column in answers).items() if count > 1]
    if twice:
        raise AnswerError(f"Two columns have the name '{shown(twice[0])}': rename one of them in the file.")
    return dict(answers)


def _to_preview(request: Request, upload_id: str) -> RedirectResponse:
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/batches/{upload_id}", 303)


def _question(
    request: Request, user: User, upload_id: str, problems: Sequence[str], question: Question
) -> HTMLResponse:
    """Show what a person can say about a file that can't be used yet; the last answer is filled in, or a proposal."""
    columns = question.columns
    before = mappings.recall(user.get_name(), [column.name for column in columns])
    proposed = proposed_columns(columns)
    chosen = [(before or {}).get(column.name, ours) for column, ours in zip(columns, proposed, strict=True)]
    return render(
        request,
        "question.html.j2",
        upload_id=upload_id,
        name=uploads.file_of(upload_id).name,
        problems=problems,
        question=question,
        is_asked_again=bool(uploads.options_of(upload_id).columns),
        columns=list(zip(columns, chosen, strict=True)),
        usual=USUAL_COLUMNS,
        others=[name for name in COLUMNS if name not in USUAL_COLUMNS],
    )


def _unusable(request: Request, error: uploads.UploadError | PreviewError, text: str = "") -> HTMLResponse:
    problems = error.problems if isinstance(error, PreviewError) else [str(error)]
    return render(request, "new_batch.html.j2", 422, problems=problems, text=text, **_limits())


def _page(
    request: Request,
    user: User,
    upload_id: str,
    found: Preview,
    read_options: ReadOptions,
    page: int,
    options: RunOptions,
    only_invalid: bool,
) -> HTMLResponse:
    tenant = read_tenant()
    lines = preview.upload_lines(upload_id, found.ttl_sec)
    reissue = options.policy.reissue
    rows, total = preview.read_rows(
        lines, tenant, page=page, options=options, only_invalid=only_invalid, others=found.others
    )
    file = uploads.file_of(upload_id)
    counts = found.counts(options)
    requests = found.requests(options)
    capacity = tenant.capacity
    fan_out = choose_fan_out(found.organizations, requests, capacity, given=None, max_map_length=max_map_length())
    return render(
        request,
        "preview.html.j2",
        upload_id=upload_id,
        name=file.name,
        prospects_uri=str(file),
        read_options=asdict(read_options) if read_options != DEFAULT_OPTIONS else {},
        found=found,
        counts=counts,
        label=_label(counts, found.valid, reissue),
        requests=requests,
        seconds=capacity.seconds(requests, fan_out.tasks),
        rate=capacity.rate,
        mapped_tasks=fan_out.tasks,
        links_not_in_ledger=preview.links_not_in_ledger(tenant),
        replace_limit=_REPLACE_LIMIT,
        is_over_limit=counts is not None and not reissue and counts.replace > _REPLACE_LIMIT,
        rows=rows,
        page=page,
        pages=max(1, -(-total // preview.ROWS_A_PAGE)),
        reissue=reissue,
        edit=options.policy.edit,
        only_invalid=only_invalid,
        ttl_sec=found.ttl_sec,
        max_ttl_sec=MAX_TTL_SEC,
        dag_id=CREATE_DAG,
        **revoking(user),
    )


def _label(counts: ExpectedCounts | None, valid: int, reissue: bool) -> str:
    """Return what the button says: how many links the run replaces, and how many it creates."""
    if counts is None:
        return f"{'Replace or create' if reissue else 'Create'} {plural(valid, 'link')}"
    create = counts.create + counts.edit
    if counts.replace and create:
        return f"Replace {counts.replace:,}, create {create:,}"
    if counts.replace:
        return f"Replace {plural(counts.replace, 'link')}"
    return f"Create {plural(create, 'link')}" if create else "Start the run"


def _limits() -> dict[str, int]:
    return {"most_rows": MAX_ROWS, "most_mib": uploads.MAX_UPLOAD_BYTES // 2**20}
