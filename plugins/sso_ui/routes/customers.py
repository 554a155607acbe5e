"""*Customers*: what the ledger knows of a prospect, its link, and another one in its place."""

from __future__ import annotations

import io
from typing import Annotated, Any

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import Entry
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sso_ui.access import (
    MAY_CREATE,
    MAY_HAVE_LINKS,
    MAY_READ_ALL_LINKS,
    SAME_ORIGIN,
    can_create,
    may_have_links,
    revoking,
)
from sso_ui.airflow import User, audit
from sso_ui.bodies import read_form
from sso_ui.data import uploads
from sso_ui.data.customers import CUSTOMERS_A_PAGE, find_customers
from sso_ui.data.ledger import readable_ledger
from sso_ui.data.reissue import ReissueError, prospect_csv
from sso_ui.rendering import render

router = APIRouter(prefix="/customers", dependencies=[MAY_READ_ALL_LINKS])

_REVEALED = "sso_ticket_revealed"


class Search(BaseModel):
    """The fields of the search form."""

    q: Annotated[str, Field(max_length=300)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


async def _search(request: Request) -> Search:
    return await read_form(request, Search)


@router.get("", response_class=HTMLResponse)
def show_customers(request: Request, user: User) -> HTMLResponse:
    """List the prospects, those with the latest request first."""
    return _found(request, user, "customers.html.j2", "", 1)


@router.post("", response_class=HTMLResponse, dependencies=[SAME_ORIGIN])
def search_customers(request: Request, user: User, wanted: Annotated[Search, Depends(_search)]) -> HTMLResponse:
    """List the prospects that contain each word of ``q``; posted, since logs hold addresses of requests."""
    part = "parts/customer_rows.html.j2" if request.headers.get("hx-request") else "customers.html.j2"
    return _found(request, user, part, wanted.q, wanted.page)


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
    try:
        content = prospect_csv(_entry(key))
        uploads.remove_old()
        upload_id = uploads.keep("reissue.csv", io.BytesIO(content), user.get_name())
    except (ReissueError, uploads.UploadError) as error:
        raise HTTPException(404, str(error)) from None
    root = request.scope.get("root_path", "")
    return Response(status_code=204, headers={"HX-Redirect": f"{root}/batches/{upload_id}?reissue=true"})


def _found(request: Request, user: User, template: str, q: str, page: int) -> HTMLResponse:
    values: dict[str, Any] = {"customers": [], "total": 0, "problem": ""}
    try:
        with readable_ledger() as ledger:
            values["customers"], values["total"] = find_customers(ledger, q, page)
    except LedgerError as error:
        values["problem"] = str(error)
    return render(
        request,
        template,
        q=q,
        page=page,
        pages=max(1, -(-values["total"] // CUSTOMERS_A_PAGE)),
        may_reveal=may_have_links(user),
        may_create=can_create(user),
        **revoking(user),
        **values,
    )


def _entry(key: str) -> Entry:
    try:
        with readable_ledger() as ledger:
            found = ledger.entries([key])
    except LedgerError as error:
        raise HTTPException(404, str(error)) from None
    if key not in found:
        raise HTTPException(404, "The ledger knows no such prospect.")
    return found[key]
