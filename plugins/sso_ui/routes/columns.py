"""*Columns*: all columns of the file, and templates."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from include.prospects import describe_columns, template_csv, template_xlsx
from sso_ui.access import MAY_SEE_DAG
from sso_ui.rendering import HEADERS, render

router = APIRouter(prefix="/columns", dependencies=[MAY_SEE_DAG])

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("", response_class=HTMLResponse)
def show_columns(request: Request) -> HTMLResponse:
    """List all columns with type, bounds, meaning and an example."""
    return render(request, "columns.html.j2", columns=describe_columns())


@router.get("/template.csv")
def download_csv() -> Response:
    """Return a CSV to fill in."""
    return _download(template_csv(), "prospects.csv", "text/csv")


@router.get("/template.xlsx")
def download_xlsx() -> Response:
    """Return a workbook to fill in."""
    return _download(template_xlsx(), "prospects.xlsx", _XLSX)


def _download(content: bytes, name: str, media_type: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers={**HEADERS, **disposition})
