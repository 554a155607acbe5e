"""*Customers*: how far each prospect has come, its link, and another one in its place."""

from __future__ import annotations

import io
from typing import Annotated, Literal

from auth0_sso.exceptions import LedgerError
from auth0_sso.hooks.reading import READING_SCOPES
from auth0_sso.ledger.parts import Part
from auth0_sso.ledger.records import Entry
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from include import reports
from sso_ui.access import (
    CREATE_DAG,
    FOLLOW_DAG,
    MAIL_DAG,
    MAY_CREATE,
    MAY_HAVE_LINKS,
    MAY_READ_ALL_LINKS,
    SAME_ORIGIN,
    can_create,
    can_mail,
    may_have_links,
    revoking,
)
from sso_ui.airflow import User, audit
from sso_ui.bodies import read_form
from sso_ui.data import uploads
from sso_ui.data.customers import (
    CUSTOMERS_A_PAGE,
    MAX_DOWNLOADED,
    NOBODY,
    TooManyError,
    find_customers,
    rows_of,
)
from sso_ui.data.ledger import readable_ledger
from sso_ui.data.mail_preview import preview_mail
from sso_ui.data.mails import is_mailing_on
from sso_ui.data.reissue import ReissueError, prospect_csv
from sso_ui.data.timeline import read_timeline
from sso_ui.rendering import HEADERS, MEDIA_TYPES, render

router = APIRouter(prefix="/customers", dependencies=[MAY_READ_ALL_LINKS])

_REVEALED = "sso_ticket_revealed"
_DOWNLOADED = "sso_customers_downloaded"
STEPS = {
    Part.LINKS: "Links",
    Part.MAILED: "Mailed",
    Part.OPENED: "Opened",
    Part.CONNECTED: "Connected",
    Part.ENABLED: "Enabled",
}
"""The steps of the funnel; who has come further is in each of those before, but for those who were mailed by hand."""
BESIDE = {
    Part.NOT_OPENED: "Not opened",
    Part.WAITING_FOR_DOMAIN: "Waiting for a domain",
    Part.NEEDS_ATTENTION: "Needs attention",
}
"""What stands beside the funnel."""


RunName = Annotated[str, Field(max_length=512)]


class Search(BaseModel):
    """
    The fields of the search form.

    :param part: what the funnel has limited the list to; so ``run``, ``dag_id/run_id``, what a run's page has.
    """

    q: Annotated[str, Field(max_length=300)] = ""
    part: Part = Part.ALL
    run: RunName = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


async def _search(request: Request) -> Search:
    return await read_form(request, Search)


Wanted = Annotated[Search, Depends(_search)]


@router.get("", response_class=HTMLResponse)
def show_customers(request: Request, user: User, run: RunName = "") -> HTMLResponse:
    """List the prospects, or those of a run, those with the latest request first."""
    return _found(request, user, "customers.html.j2", Search(run=run))


@router.post("", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
def search_customers(request: Request, user: User, wanted: Wanted) -> HTMLResponse:
    """List the prospects of a part that contain each word of ``q``; posted, since logs hold addresses of requests."""
    part = "parts/customers_found.html.j2" if request.headers.get("hx-request") else "customers.html.j2"
    return _found(request, user, part, wanted)


@router.post("/setups.{kind}", dependencies=[SAME_ORIGIN])
def download(user: User, kind: Literal["csv", "xlsx"], wanted: Wanted) -> Response:
    """Return what is listed, of all pages and without links, as a table; the audit log says who has it."""
    try:
        with readable_ledger() as ledger:
            rows = rows_of(ledger, wanted.q, wanted.part, wanted.run)
    except LedgerError as error:
        raise HTTPException(404, str(error)) from None
    except TooManyError as error:
        raise HTTPException(422, str(error)) from None
    if not rows:
        raise HTTPException(404, "No customer matches, so there is no table.")
    table = reports.table_of(reports.SETUP_COLUMNS, rows)
    content = b"".join(reports.csv_parts(table)) if kind == "csv" else reports.xlsx_bytes(table, "Customers")
    audit(user, _DOWNLOADED, CREATE_DAG, None, file=f"setups.{kind}", part=wanted.part, rows=len(rows))
    disposition = {"Content-Disposition": f'attachment; filename="customers.{kind}"'}
    return Response(content, media_type=MEDIA_TYPES[kind], headers={**HEADERS, **disposition})


@router.get("/{key}/timeline", response_class=HTMLResponse)
def show_timeline(request: Request, key: str) -> HTMLResponse:
    """Return what has happened to a prospect's links and connection, in order."""
    entry = _entry(key)
    with readable_ledger() as ledger:
        timeline = read_timeline(ledger, entry)
    return render(request, "parts/timeline.html.j2", timeline=timeline)


@router.post("/{key}/mail", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
def show_mail(request: Request, key: str) -> HTMLResponse:
    """Return the mail that a prospect would get, with a link that opens nothing."""
    entry = _entry(key)
    try:
        with readable_ledger() as ledger:
            mail = preview_mail(ledger, entry)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return render(request, "parts/mail.html.j2", mail=mail)


@router.post("/{key}/link", response_class=HTMLResponse, dependencies=[MAY_HAVE_LINKS, SAME_ORIGIN])
def reveal(request: Request, user: User, key: str) -> HTMLResponse:
    """Return the link of a prospect; the audit log says who has seen it."""
    entry = _entry(key)
    if entry.ticket is None:
        raise HTTPException(404, "This prospect has no link that is known.")
    dag_id, _, run_id = entry.run.partition("/")
    audit(user, _REVEALED, dag_id, run_id, organization_id=entry.organization_id, prospect=entry.key)
    return render(request, "parts/link.html.j2", url=entry.ticket.url)


@router.post("/{key}/reissue", dependencies=[MAY_CREATE, SAME_ORIGIN])
def reissue(request: Request, user: User, key: str) -> Response:
    """Make a CSV of the prospect's row, as its last run had it, and show what a run with it would do."""
    return _to_preview(request, user, _entry(key), "reissue.csv", "reissue=true")


@router.post("/{key}/finish", dependencies=[MAY_CREATE, SAME_ORIGIN])
def finish(request: Request, user: User, key: str) -> Response:
    """Make a CSV of the prospect's row, and show what a run would do that creates links to finish setups."""
    return _to_preview(request, user, _entry(key), "finish.csv", "edit=true")


def _to_preview(request: Request, user: User, entry: Entry, name: str, options: str) -> Response:
    try:
        content = prospect_csv(entry)
        uploads.remove_old()
        upload_id = uploads.keep(name, io.BytesIO(content), user.get_name())
    except (ReissueError, uploads.UploadError) as error:
        raise HTTPException(404, str(error)) from None
    root = request.scope.get("root_path", "")
    return Response(status_code=204, headers={"HX-Redirect": f"{root}/batches/{upload_id}?{options}"})


def _found(request: Request, user: User, template: str, wanted: Search) -> HTMLResponse:
    found, problem = NOBODY, ""
    is_on = is_mailing_on()
    try:
        with readable_ledger() as ledger:
            found = find_customers(
                ledger, wanted.q, wanted.part, wanted.page, run=wanted.run, offers_mail=is_on and can_mail(user)
            )
    except LedgerError as error:
        problem = str(error)
    has_mailed = is_on or found.counts[Part.MAILED] > 0 or wanted.part == Part.MAILED
    steps = {step: label for step, label in STEPS.items() if step != Part.MAILED or has_mailed}
    return render(
        request,
        template,
        found=found,
        problem=problem,
        q=wanted.q,
        part=wanted.part,
        run=wanted.run,
        page=wanted.page,
        pages=max(1, -(-found.total // CUSTOMERS_A_PAGE)),
        part_label=_label(wanted.part),
        steps=[(step, label, found.counts[step]) for step, label in steps.items()],
        beside=[(step, label, found.counts[step]) for step, label in BESIDE.items()],
        max_downloaded=MAX_DOWNLOADED,
        follow_dag=FOLLOW_DAG,
        scopes=sorted(READING_SCOPES),
        may_reveal=may_have_links(user),
        may_create=can_create(user),
        is_mailing_on=is_on,
        mail_dag=MAIL_DAG,
        **revoking(user),
    )


def _label(part: Part) -> str:
    return {Part.ALL: "All", **STEPS, **BESIDE}[part].lower()


def _entry(key: str) -> Entry:
    try:
        with readable_ledger() as ledger:
            found = ledger.entries([key])
    except LedgerError as error:
        raise HTTPException(404, str(error)) from None
    if key not in found:
        raise HTTPException(404, "The ledger knows no such prospect.")
    return found[key]
