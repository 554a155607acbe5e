"""*Runs*: the runs of the DAGs, and how far one has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from auth0_sso.tickets.preflight import RunOptions
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from sso_ui.access import (
    CREATE_DAG,
    DAGS,
    FOLLOW_DAG,
    MAIL_DAG,
    MAY_READ_LINKS,
    MAY_SEE_RUN,
    MAY_SEE_RUNS,
    REVOKE_DAG,
    can_read_links,
    can_see_runs,
    may_have_links,
)
from sso_ui.airflow import User
from sso_ui.checks.preview import ROWS_A_PAGE, read_rows
from sso_ui.data.progress import read_progress
from sso_ui.data.runs import NoManifestError, RunLine, list_runs, manifest_lines, parameters, read_run
from sso_ui.data.tenant import read_tenant
from sso_ui.rendering import render

router = APIRouter(prefix="/runs")

RUNS_A_PAGE = 50
TO_CUSTOMERS = (FOLLOW_DAG, MAIL_DAG)
"""The DAGs whose report is *Customers*."""


@dataclass(frozen=True)
class _Activity:
    """
    What a run does, in words.

    :param first: what it does until it has planned.
    :param unit: what it counts then, and ``done`` what becomes of one.
    :param sends_requests: whether its requests for links are counted, and its rows have a plan.
    """

    first: str
    unit: str = "link"
    done: str = "made"
    sends_requests: bool = True


_ACTIVITIES = {
    CREATE_DAG: _Activity("Checking the file and planning"),
    REVOKE_DAG: _Activity("Checking the file and planning"),
    FOLLOW_DAG: _Activity("Reading what customers do", sends_requests=False),
    MAIL_DAG: _Activity("Deciding who gets a mail", "mail", "handed over", sends_requests=False),
}

Page = Annotated[int, Query(ge=1, le=100_000)]


@router.get("", response_class=HTMLResponse, dependencies=[MAY_SEE_RUNS])
def show_runs(request: Request, user: User, page: Page = 1) -> HTMLResponse:
    """List the runs of the DAGs that the user may see."""
    dags = [dag_id for dag_id in DAGS if can_see_runs(user, dag_id)]
    found = list_runs(dags, limit=RUNS_A_PAGE + 1, offset=(page - 1) * RUNS_A_PAGE)
    has_more = len(found) > RUNS_A_PAGE
    shown = found[:RUNS_A_PAGE]
    return render(request, "runs.html.j2", runs=shown, page=page, has_more=has_more, to_customers=TO_CUSTOMERS)


@router.get("/{dag_id}/{run_id}", response_class=HTMLResponse, dependencies=[MAY_SEE_RUN])
def show_run(request: Request, user: User, dag_id: str, run_id: str) -> HTMLResponse:
    """Show a run's progress, which renews itself, or its end."""
    run = _run(dag_id, run_id)
    has_table = dag_id == MAIL_DAG and bool(run.counts)
    may_download = has_table and can_read_links(user, dag_id) and may_have_links(user)
    has_own_links = dag_id in (CREATE_DAG, MAIL_DAG)
    return _render(request, "run.html.j2", run, may_download=may_download, has_own_links=has_own_links)


@router.get("/{dag_id}/{run_id}/progress", response_class=HTMLResponse, dependencies=[MAY_SEE_RUN])
def show_progress(request: Request, dag_id: str, run_id: str) -> Response:
    """Return the part of the page that renews itself; when the run has ended, the browser goes to its report."""
    run = _run(dag_id, run_id)
    response = _render(request, "parts/progress.html.j2", run)
    if run.has_ended:
        root = request.scope.get("root_path", "")
        page = "reports" if run.counts else "runs"
        response.headers["HX-Redirect"] = f"{root}/{page}/{_quoted(dag_id)}/{_quoted(run_id)}"
    return response


@router.get("/{dag_id}/{run_id}/rows", response_class=HTMLResponse, dependencies=[MAY_READ_LINKS])
def show_rows(request: Request, dag_id: str, run_id: str, page: Page = 1) -> HTMLResponse:
    """Show the rows of a run's input, with what would happen to each now, a page at a time."""
    run = _run(dag_id, run_id)
    options = RunOptions.of(parameters(dag_id, run_id))
    try:
        rows, total = read_rows(manifest_lines(dag_id, run_id), read_tenant(), page=page, options=options)
    except NoManifestError as error:
        raise HTTPException(404, str(error)) from None
    return render(
        request,
        "run_rows.html.j2",
        run=run,
        rows=rows,
        page=page,
        pages=max(1, -(-total // ROWS_A_PAGE)),
    )


def _run(dag_id: str, run_id: str) -> RunLine:
    if (run := read_run(dag_id, run_id)) is None:
        raise HTTPException(404, f"There is no run {run_id} of {dag_id}.")
    return run


def _render(request: Request, template: str, run: RunLine, **more: bool) -> HTMLResponse:
    tenant = read_tenant()
    return render(
        request,
        template,
        run=run,
        progress=read_progress(run, tenant),
        rate=tenant.capacity.rate,
        activity=_ACTIVITIES[run.dag_id],
        to_customers=TO_CUSTOMERS,
        **more,
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")
