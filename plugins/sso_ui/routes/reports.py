"""A run's report: the page without links, the links one asks for, and the files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from include.reports.webpage.page import content_security_policy
from include.reports.webpage.served import read_links, served_page
from sso_ui.access import FOLLOW_DAG, MAIL_DAG, MAY_HAVE_LINKS, MAY_READ_LINKS, SAME_ORIGIN, may_have_links
from sso_ui.airflow import User, audit
from sso_ui.bodies import read_json
from sso_ui.data.report_files import UnreadableFileError, find_folder, read_file
from sso_ui.data.runs import REPORT_TASK
from sso_ui.rendering import HEADERS, PAGES

router = APIRouter(prefix="/reports/{dag_id}/{run_id}", dependencies=[MAY_READ_LINKS])

_WRITTEN_LAST = "summary.json"
_FILES = {
    "tickets.csv": "text/csv",
    "tickets.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "revocations.csv": "text/csv",
    "revocations.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "deliveries.csv": "text/csv",
    "deliveries.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Rows(BaseModel):
    """Numbers of rows whose links are revealed."""

    rows: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=1_000)]


async def _rows(request: Request) -> Rows:
    return await read_json(request, Rows)


class RunFolder:
    """The folder of a run's report; its files are read from there only."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        try:
            self._folder = find_folder(dag_id, run_id, _WRITTEN_LAST)
        except UnreadableFileError as error:
            reason = f"{REPORT_TASK} has not succeeded, or the report can't be found. {error}"
            raise HTTPException(404, f"Run {run_id} of {dag_id} has no SSO report: {reason}") from None

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        try:
            return read_file(self._folder, name)
        except UnreadableFileError as error:
            raise HTTPException(404, str(error)) from None


@router.get("", response_class=HTMLResponse)
def show_report(request: Request, user: User, dag_id: str, run_id: str) -> Response:
    """Show a run's report, made from its tables: without any link in its source; what became of links is elsewhere."""
    root = request.scope.get("root_path", "")
    if dag_id == FOLLOW_DAG:
        return RedirectResponse(f"{root}{PAGES['Customers']}", 303)
    if dag_id == MAIL_DAG:
        run = quote(f"{dag_id}/{run_id}", safe="/")
        return RedirectResponse(f"{root}{PAGES['Customers']}?run={run}", 303)
    here = f"{root}/reports/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"
    navigation = {label: f"{root}{path}" for label, path in PAGES.items()}
    folder = RunFolder(dag_id, run_id)
    has_links = may_have_links(user)
    links_url, downloads_url = (f"{here}/links", f"{here}/files/") if has_links else ("", "")
    try:
        page = served_page(folder.read, links_url=links_url, downloads_url=downloads_url, navigation=navigation)
    except ValueError as error:
        raise HTTPException(404, f"The report can't be shown: {error}") from None
    policy = f"{content_security_policy(connect=has_links)}; frame-ancestors 'self'"
    return HTMLResponse(page, headers={**HEADERS, "Content-Security-Policy": policy})


@router.post("/links", dependencies=[MAY_HAVE_LINKS, SAME_ORIGIN])
def reveal(user: User, dag_id: str, run_id: str, wanted: Annotated[Rows, Depends(_rows)]) -> JSONResponse:
    """Return the links of some rows; the audit log says who has seen them."""
    links = read_links(RunFolder(dag_id, run_id).read, wanted.rows)
    audit(user, "sso_tickets_revealed", dag_id, run_id, rows=sorted(links))
    return JSONResponse({"links": {str(row): link for row, link in links.items()}}, headers=dict(HEADERS))


@router.get("/files/{name}", dependencies=[MAY_HAVE_LINKS])
def download(user: User, dag_id: str, run_id: str, name: str) -> Response:
    """Return a table of the report; the audit log says who has it."""
    if name not in _FILES:
        raise HTTPException(404, f"A report has no file {name}.")
    content = RunFolder(dag_id, run_id).read(name)
    audit(user, "sso_report_downloaded", dag_id, run_id, file=name)
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_FILES[name], headers={**HEADERS, **disposition})
