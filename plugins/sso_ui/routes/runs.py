"""*Runs*: the runs of both DAGs, and how far one has come."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from sso_ui.access import DAGS, MAY_SEE_RUN, MAY_SEE_RUNS, User, can
from sso_ui.data.progress import read_progress
from sso_ui.data.runs import RunLine, find_run, list_runs, xcom
from sso_ui.data.tenant import read_tenant
from sso_ui.rendering import render

router = APIRouter(prefix="/runs")

RUNS_A_PAGE = 50


@router.get("", response_class=HTMLResponse, dependencies=[MAY_SEE_RUNS])
def show_runs(
    request: Request, session: SessionDep, user: User, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> HTMLResponse:
    """List the runs of the DAGs that the user may see."""
    dags = [dag_id for dag_id in DAGS if can(user, "GET", DagAccessEntity.RUN, dag_id)]
    found = list_runs(session, dags, limit=RUNS_A_PAGE + 1, offset=(page - 1) * RUNS_A_PAGE)
    return render(request, "runs.html.j2", runs=found[:RUNS_A_PAGE], page=page, has_more=len(found) > RUNS_A_PAGE)


@router.get("/{dag_id}/{run_id}", response_class=HTMLResponse, dependencies=[MAY_SEE_RUN])
def show_run(request: Request, session: SessionDep, dag_id: str, run_id: str) -> HTMLResponse:
    """Show a run's progress, which renews itself, or its end."""
    return _render(request, session, "run.html.j2", _run(session, dag_id, run_id))


@router.get("/{dag_id}/{run_id}/progress", response_class=HTMLResponse, dependencies=[MAY_SEE_RUN])
def show_progress(request: Request, session: SessionDep, dag_id: str, run_id: str) -> Response:
    """Return the part of the page that renews itself; when the run has ended, the browser goes to its report."""
    run = _run(session, dag_id, run_id)
    response = _render(request, session, "parts/progress.html.j2", run)
    if run.has_ended:
        root = request.scope.get("root_path", "")
        page = "reports" if run.counts else "runs"
        response.headers["HX-Redirect"] = f"{root}/{page}/{_quoted(dag_id)}/{_quoted(run_id)}"
    return response


def _run(session: SessionDep, dag_id: str, run_id: str) -> RunLine:
    if (run := find_run(session, dag_id, run_id)) is None:
        raise HTTPException(404, f"There is no run {run_id} of {dag_id}.")
    return run


def _render(request: Request, session: SessionDep, template: str, run: RunLine) -> HTMLResponse:
    tenant = read_tenant(session)
    progress = read_progress(session, run, tenant)
    plan = xcom(session, run.dag_id, run.run_id, "plan_fan_out", "plan")
    return render(request, template, run=run, progress=progress, plan=plan, rate=tenant.rate)


def _quoted(text: str) -> str:
    return quote(text, safe="")
