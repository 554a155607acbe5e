"""The pages' HTML: Jinja templates, what every page gets, and the headers that keep it closed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from auth0_sso.models import iso
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.reports.cells import printable
from include.reports.wording import LABELS, duration_text, plural, utc_text

FOLDER = Path(__file__).parent
STATIC_FILES: Mapping[str, str] = {
    "pages.css": "text/css",
    "pages.js": "text/javascript",
    "htmx-2.0.11.min.js": "text/javascript",
}
MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Of the tables that are downloaded."""
PREFIX = "/sso-tickets"
PAGES: Mapping[str, str] = {
    "New batch": "/batches/new",
    "Runs": "/runs",
    "Customers": "/customers",
    "Columns": "/columns",
}
"""The path of each page that the navigation leads to."""

# Pages hold addresses and lead to links, so no cache may store them. With the policy "no-referrer", a browser would not
# say where a form was sent from, and it would be refused.
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Names and addresses may contain any character.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {
        "utc": utc_text,
        "duration": duration_text,
        "moment": lambda seconds: utc_text(iso(seconds)),
        "label": lambda status: LABELS.get(status, status),
    }
    environment.globals |= {"plural": plural, "navigation": PAGES}
    return environment


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """
    Render a page, or a part of one.

    Only scripts with the response's nonce run: those of ``static``, never one within a text.
    """
    nonce = secrets.token_urlsafe(16)
    root = str(request.scope.get("root_path", ""))
    html = (
        _environment()
        .get_template(template)
        .render(
            nonce=nonce,
            root=root,
            airflow=root.removesuffix(PREFIX),
            here=request.scope["path"].removeprefix(root),
            **values,
        )
    )
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
    return HTMLResponse(html, status, headers={**HEADERS, "Content-Security-Policy": policy})
