"""*New batch*: a CSV is uploaded, checked, previewed, and started with the viewer's own rights."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from functools import partial
from typing import Annotated

from auth0_sso.models import MAX_TTL_SEC, ExpectedCounts
from auth0_sso.tickets.preflight import RunOptions
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData, UploadFile

from include.fan_out import choose_fan_out
from include.params import CREATE_PARAMS
from include.reports.cells import guard
from include.reports.wording import plural
from sso_ui.access import CREATE_DAG, MAY_CREATE, SAME_ORIGIN, revoking
from sso_ui.airflow import User, max_map_length
from sso_ui.bodies import limited
from sso_ui.checks import preview
from sso_ui.checks.counting import Preview
from sso_ui.checks.line import CheckLine
from sso_ui.checks.processes import MAX_LINES, PreviewError
from sso_ui.data import uploads
from sso_ui.data.tenant import read_tenant
from sso_ui.rendering import HEADERS, render

router = APIRouter(prefix="/batches", dependencies=[MAY_CREATE, Depends(uploads.remove_old)])

WAIT_SECONDS = 5.0
"""So long a request waits for a check."""
CHECKS: CheckLine[Preview] = CheckLine()

_MAX_FORM_BYTES = 64 * 2**10
"""Bytes of the form around the CSV."""
_REPLACE_LIMIT: int = CREATE_PARAMS["replace_limit"]["default"]
_MAX_SHOWN_CHARACTERS = 100_000
"""Characters of a pasted CSV that can't be used."""

TtlSec = Annotated[int, Query(ge=0, le=MAX_TTL_SEC)]
Page = Annotated[int, Query(ge=1, le=100_000)]


@router.get("/new", response_class=HTMLResponse)
def new_batch(request: Request) -> HTMLResponse:
    """Return the form for a CSV."""
    return render(request, "new_batch.html.j2", problems=[], text="", **_limits())


@router.post("", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
async def upload(request: Request) -> Response:
    """Keep and check a CSV that was chosen, dropped or pasted; then show its preview, or why it can't be used."""
    text = ""
    try:
        async with _form(request) as form:
            pasted = form.get("text")
            text = pasted[:_MAX_SHOWN_CHARACTERS] if isinstance(pasted, str) else ""
            upload_id = await _keep(form.get("file"), pasted)
        await _checked(upload_id, 0, None)
    except (uploads.UploadError, PreviewError) as error:
        return _unusable(request, error, text)
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/batches/{upload_id}", 303)


@router.get("/{upload_id}", response_class=HTMLResponse)
async def show_preview(
    request: Request,
    user: User,
    upload_id: str,
    page: Page = 1,
    ttl_sec: TtlSec = 0,
    reissue: bool = False,
    only_invalid: bool = False,
) -> HTMLResponse:
    """Show what a run would do, a page of rows at a time; while the CSV is checked, a page that renews itself."""
    try:
        kept = await asyncio.to_thread(preview.read, upload_id, ttl_sec)
        found = kept if kept and page > 1 else await _checked(upload_id, ttl_sec, kept)
        if found is None:
            is_running = CHECKS.is_running(_key(upload_id, ttl_sec, kept))
            return render(request, "waiting.html.j2", 202, is_running=is_running)
        return await asyncio.to_thread(_page, request, user, upload_id, found, page, reissue, only_invalid)
    except PreviewError as error:
        return _unusable(request, error)
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None


@router.get("/{upload_id}/problems.csv")
def download_problems(upload_id: str, ttl_sec: TtlSec = 0) -> Response:
    """Return all problems as a CSV."""
    try:
        problems = [asdict(problem) for problem in preview.problems(upload_id, ttl_sec)]
    except uploads.UploadError as error:
        raise HTTPException(404, str(error)) from None
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = ("row", "line", "source", "column", "value", "rule")
    writer.writerow(columns)
    writer.writerows([[guard(str(problem[column])) for column in columns] for problem in problems])
    disposition = {"Content-Disposition": 'attachment; filename="problems.csv"'}
    return Response(stream.getvalue(), media_type="text/csv", headers={**HEADERS, **disposition})


def _form(request: Request) -> AbstractAsyncContextManager[FormData]:
    most = uploads.MAX_UPLOAD_BYTES + _MAX_FORM_BYTES
    return limited(request, most, uploads.too_large()).form(max_files=1, max_fields=10, max_part_size=most)


async def _keep(file: UploadFile | str | None, text: UploadFile | str | None) -> str:
    if isinstance(file, UploadFile) and file.filename:
        return await asyncio.to_thread(uploads.keep, file.filename, file.file)
    if isinstance(text, str) and text.strip():
        return await asyncio.to_thread(uploads.keep, "pasted.csv", io.BytesIO(text.encode(errors="surrogatepass")))
    raise PreviewError(["There is nothing to check: choose a CSV, or paste its rows."])


async def _checked(upload_id: str, ttl_sec: int, kept: Preview | None) -> Preview | None:
    """Return an upload's result, made now unless the kept one is recent; None if that has not ended soon."""
    if kept is not None and await asyncio.to_thread(preview.is_recent, kept):
        return kept
    check = partial(preview.check, upload_id, ttl_sec)
    return await CHECKS.result(_key(upload_id, ttl_sec, kept), check, seconds=WAIT_SECONDS)


def _key(upload_id: str, ttl_sec: int, kept: Preview | None) -> Hashable:
    """Return what identifies a check in the line: also the result that it renews, so that no older one is fetched."""
    return upload_id, ttl_sec, kept and kept.counted_at


def _unusable(request: Request, error: uploads.UploadError | PreviewError, text: str = "") -> HTMLResponse:
    problems = error.problems if isinstance(error, PreviewError) else [str(error)]
    return render(request, "new_batch.html.j2", 422, problems=problems, text=text, **_limits())


def _page(
    request: Request, user: User, upload_id: str, found: Preview, page: int, reissue: bool, only_invalid: bool
) -> HTMLResponse:
    tenant = read_tenant()
    lines = preview.upload_lines(upload_id, found.ttl_sec)
    options = RunOptions(on_existing="reissue" if reissue else "reuse")
    rows, total = preview.read_rows(
        lines, tenant, page=page, options=options, only_invalid=only_invalid, others=found.others
    )
    file = uploads.file_of(upload_id)
    counts = found.reissue if reissue else found.reuse
    requests = found.requests(reissue=reissue)
    capacity = tenant.capacity
    fan_out = choose_fan_out(found.organizations, requests, capacity, given=None, max_map_length=max_map_length())
    return render(
        request,
        "preview.html.j2",
        upload_id=upload_id,
        name=file.name,
        prospects_uri=str(file),
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
    if counts.replace and counts.create:
        return f"Replace {counts.replace:,}, create {counts.create:,}"
    if counts.replace:
        return f"Replace {plural(counts.replace, 'link')}"
    return f"Create {plural(counts.create, 'link')}" if counts.create else "Start the run"


def _limits() -> dict[str, int]:
    return {"most_lines": MAX_LINES, "most_mib": uploads.MAX_UPLOAD_BYTES // 2**20}
