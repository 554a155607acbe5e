"""The report's page in Airflow's UI, for users who may read the DAG's XComs."""

from __future__ import annotations

import json
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote

import structlog
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel
from airflow.sdk.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from include.reports.html.page import CONTENT_SECURITY_POLICY
from sso_ui.report_files import EXTRA_REPORTS, MAX_BYTES, own_folder, read_page

log = structlog.get_logger(__name__)

DAGS = {"create_sso_tickets", "revoke_sso_tickets"}
REPORT_TASK = "export_report"
# Others may write to the folder of reports: in the browser the page has no origin, and only the report's own script
# runs. It contains ticket URLs, so no cache may store it.
_HEADERS = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'self'; sandbox allow-scripts",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_REFUSAL = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>SSO report</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1rem}</style>
<h2>There is no report to show</h2><p>%s</p></html>"""

app = FastAPI(title="SSO tickets", docs_url=None, redoc_url=None, openapi_url=None)


@app.exception_handler(HTTPException)
def refuse(request: Request, error: HTTPException) -> HTMLResponse:
    """Return the reason as a page, with a link to the login if the user is not logged in."""
    reason = escape(str(error.detail))
    if error.status_code == 401:
        login = f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/api/v2/auth/login"
        reason = f'{reason}: <a href="{escape(login)}?next={quote(str(request.url), safe="")}">log in to Airflow</a>.'
    return HTMLResponse(_REFUSAL % reason, error.status_code, headers={**(error.headers or {}), **_HEADERS})


@app.get(
    "/reports/{dag_id}/{run_id}",
    response_class=HTMLResponse,
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
)
def show_report(dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
    """Return a run's ``report.html``."""
    report_uri = _exported(dag_id, run_id, session).get("report_uri") if dag_id in DAGS else None
    if not isinstance(report_uri, str):
        raise HTTPException(404, f"Run {run_id} of {dag_id} has no SSO report: task {REPORT_TASK} has not succeeded.")
    folder = own_folder(report_uri, dag_id, run_id)
    if folder is None:
        raise HTTPException(
            404,
            f"The report is at {report_uri}, which is not this run's folder below SSO_TICKETS_REPORTS or "
            f"{EXTRA_REPORTS}. To show reports from there, add their base to {EXTRA_REPORTS}.",
        )
    try:
        page = read_page(folder)
    except Exception as error:  # the drivers of object storage have no common exception
        log.warning("A report can't be read", folder=str(folder), reason=str(error))
        raise HTTPException(404, f"The api-server can't read the report's folder {folder}.") from None
    if len(page) > MAX_BYTES:
        raise HTTPException(
            404, f"The report in {folder} is larger than {MAX_BYTES:,} bytes: open its report.html from there."
        )
    return HTMLResponse(page, headers=_HEADERS)


def _exported(dag_id: str, run_id: str, session: SessionDep) -> dict[str, Any]:
    """Return the XCom of the report's task, as plain data: users can set it."""
    xcom = {"dag_id": dag_id, "run_id": run_id, "task_id": REPORT_TASK, "map_index": -1, "key": "return_value"}
    value = session.scalar(select(XComModel.value).filter_by(**xcom))
    if isinstance(value, str):  # the UI saves JSON in JSON
        with suppress(ValueError):
            value = json.loads(value)
    return value if isinstance(value, dict) else {}
