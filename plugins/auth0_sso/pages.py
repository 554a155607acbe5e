"""The report's page in Airflow's UI, for whoever may read the DAG's XComs."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import structlog
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel
from airflow.sdk import ObjectStoragePath
from airflow.sdk.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

log = structlog.get_logger(__name__)

REPORT_TASK = "export_report"
_REFUSAL = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>SSO report</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1rem}</style>
<h2>There is nothing to show</h2><p>%s</p></html>"""

app = FastAPI(title="SSO tickets", docs_url=None, redoc_url=None, openapi_url=None)


@app.exception_handler(HTTPException)
def refuse(request: Request, error: HTTPException) -> HTMLResponse:
    """Say to a person why there is no report, and let who is not logged in do so."""
    said = escape(str(error.detail))
    if error.status_code == 401:
        login = f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/api/v2/auth/login"
        said = f'{said}: <a href="{escape(login)}?next={quote(str(request.url), safe="")}">log in to Airflow</a>.'
    return HTMLResponse(_REFUSAL % said, error.status_code, headers=dict(error.headers or {}))


@app.get(
    "/reports/{dag_id}/{run_id}",
    response_class=HTMLResponse,
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
)
def show_report(dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
    """Return a run's ``report.html``; it holds ticket URLs, so nothing on the way may keep it."""
    query = XComModel.get_many(run_id=run_id, key="return_value", dag_ids=dag_id, task_ids=REPORT_TASK)
    row = session.scalars(query.with_only_columns(XComModel.value)).first()
    exported = XComModel.deserialize_value(type("_Value", (), {"value": row})) if row is not None else None
    if not isinstance(exported, dict) or "report_uri" not in exported:
        raise HTTPException(
            404,
            f"Run {run_id} of {dag_id} has no SSO report: its task {REPORT_TASK} has not ended well, or it has none.",
        )
    try:
        page = (ObjectStoragePath(exported["report_uri"]) / "report.html").read_text(encoding="utf-8")
    except Exception as error:  # what the drivers of object storage raise has no base in common
        log.warning("A report's folder can't be read", report_uri=exported["report_uri"], reason=str(error))
        raise HTTPException(404, f"The report's folder {exported['report_uri']} can't be read from here.") from None
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
