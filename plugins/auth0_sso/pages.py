"""The report's page in Airflow's UI, for whoever may read the DAG's XComs."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel
from airflow.sdk import ObjectStoragePath
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

REPORT_TASK = "export_report"

app = FastAPI(title="SSO tickets", docs_url=None, redoc_url=None, openapi_url=None)


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
        raise HTTPException(404, f"Run {run_id} has no report yet: {REPORT_TASK} has not ended.")
    try:
        page = (ObjectStoragePath(exported["report_uri"]) / "report.html").read_text(encoding="utf-8")
    except OSError:
        raise HTTPException(404, f"The report's folder {exported['report_uri']} can't be read from here.") from None
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
