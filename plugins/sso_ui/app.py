"""The pages in Airflow's UI, under ``/sso-tickets``."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit, urlunsplit

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from sso_ui.access import can_create, is_own
from sso_ui.airflow import User, login_address
from sso_ui.rendering import FOLDER, HEADERS, STATIC_FILES, render
from sso_ui.routes import batches, columns, customers, reports, runs

app = FastAPI(title="SSO tickets", docs_url=None, redoc_url=None, openapi_url=None)
for page in (batches, runs, reports, customers, columns):
    app.include_router(page.router)


@app.get("/")
def start(request: Request, user: User) -> RedirectResponse:
    """Go to the first page that the user may see."""
    page = "/batches/new" if can_create(user) else "/runs"
    return RedirectResponse(f"{request.scope.get('root_path', '')}{page}", 303)


@app.get("/static/{name}")
def static(name: str, user: User) -> Response:
    """Return a style sheet or a script."""
    if name not in STATIC_FILES:
        raise HTTPException(404, "There is no such file.")
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response((FOLDER / "static" / name).read_bytes(), media_type=STATIC_FILES[name], headers=headers)


@app.exception_handler(StarletteHTTPException)
async def refuse(request: Request, error: StarletteHTTPException) -> Response:
    """Return the reason: as a page that leads to the login, or as JSON or plain text to scripts."""
    if "application/json" in request.headers.get("content-type", ""):
        response = await http_exception_handler(request, error)
    elif request.headers.get("hx-request"):
        response = render(request, "parts/error.html.j2", error.status_code, reason=str(error.detail))
    elif error.status_code == 401:
        login = login_address(_return_address(request))
        response = render(request, "login.html.j2", 401, reason=str(error.detail), login=login)
    else:
        response = render(request, "refusal.html.j2", error.status_code, reason=str(error.detail))
    response.headers.update({**HEADERS, **(error.headers or {})})
    return response


@app.exception_handler(ClientDisconnect)
async def end(_request: Request, _error: ClientDisconnect) -> Response:
    """End a request whose body the client has broken off; it reads no answer."""
    return Response(status_code=400)


def _return_address(request: Request) -> str:
    """
    Return where the login leads back to: a page that answers GET, this one or the one that its form is on.

    It is a path. So the scheme and the name stay those that the browser shows, whatever a proxy passes on.
    """
    root = str(request.scope.get("root_path", ""))
    referer = request.headers.get("referer", "")
    came_from = urlsplit(referer if is_own(request, referer) else "")
    here = quote(str(request.scope["path"]), safe="/:+~@"), bytes(request.scope["query_string"]).decode("latin-1")
    for path, query in (here, (came_from.path, came_from.query)):
        if _answers_get(root, path):
            return urlunsplit(("", "", path, query, ""))
    return f"{root}/"


def _answers_get(root: str, path: str) -> bool:
    page = {"type": "http", "method": "GET", "root_path": root, "path": unquote(path)}
    return path.startswith(f"{root}/") and any(route.matches(page)[0] is Match.FULL for route in app.routes)
