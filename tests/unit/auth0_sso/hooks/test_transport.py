"""What the hook sends, and how it reads answers that a tenant should not give."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0Error,
    Auth0RowError,
    Auth0RunError,
    Auth0TransientError,
)
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.runtime.rate_limiter import RateLimiter
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from dev.sandbox.server import Sandbox
from tests.unit.auth0_sso.conftest import Connect
from tests.unit.auth0_sso.hooks.conftest import BODY, TICKET_ID, create, revoke

PATH = "/api/v2/self-service-profiles/ssp_1/sso-ticket"
TICKET = {"ticket": f"https://acme.eu.auth0.com/self-service/connections-flow?ticket={TICKET_ID}"}
TOKEN = {"access_token": "t0ken-of-the-tenant", "expires_in": 3600, "scope": "create:sso_access_tickets"}

PointAt = Callable[..., Auth0Hook]


@pytest.fixture
def point_at(tenant: Sandbox, connect: Connect) -> PointAt:
    def hook(port: int, **extra: Any) -> Auth0Hook:
        fields = {"host": f"http://127.0.0.1:{port}", "password": "s3cret-of-client"}
        connect(tenant, extra={"profile_id": "ssp_1", **extra}, **fields)
        return Auth0Hook()

    return hook


@pytest.fixture
def hook(httpserver: HTTPServer, point_at: PointAt) -> Auth0Hook:
    httpserver.expect_request("/oauth/token", method="POST").respond_with_json(TOKEN)
    return point_at(httpserver.port)


def answering(httpserver: HTTPServer, answer: Response) -> list[Request]:
    """Give that answer to all requests for a ticket; return them."""
    seen: list[Request] = []

    def respond(request: Request) -> Response:
        seen.append(request)
        return answer

    httpserver.expect_request(PATH).respond_with_handler(respond)
    return seen


def test_a_request_has_the_apis_headers_and_no_extra_becomes_one(
    httpserver: HTTPServer, hook: Auth0Hook, point_at: PointAt
) -> None:
    answering(httpserver, Response(json.dumps(TICKET), 201))
    extras: dict[str, Any] = {
        "X-Secret": "s3cret-header",
        "custom_domain": "extra.example.com",
        "headers": {"X-Deep": "s3cret-header"},
        "verify": False,
        "check_response": True,
        "allow_redirects": True,
        "proxies": {"http": "http://127.0.0.1:1"},
    }
    create(point_at(httpserver.port, **extras), custom_domain="login.example.com")
    (token_request, _), (ticket_request, _) = httpserver.log
    assert token_request.json["client_secret"] == "s3cret-of-client"
    assert ticket_request.json == BODY
    assert ticket_request.headers["Authorization"] == f"Bearer {TOKEN['access_token']}"
    assert ticket_request.headers["Auth0-Custom-Domain"] == "login.example.com"
    assert ticket_request.headers["Content-Type"] == ticket_request.headers["Accept"] == "application/json"
    usual = {"Host", "User-Agent", "Content-Length", "Content-Type", "Accept", "Accept-Encoding"}
    assert set(token_request.headers.keys()) <= usual
    assert set(ticket_request.headers.keys()) <= usual | {"Authorization", "Auth0-Custom-Domain"}
    assert "s3cret" not in f"{token_request.headers} {ticket_request.headers}"


@pytest.mark.parametrize(
    ("extra", "path", "said"),
    [({"token": "ready"}, PATH, "without a redirect"), ({}, "/oauth/token", "tenant's domain")],
    ids=["ticket", "token"],
)
def test_a_redirect_takes_neither_the_token_nor_the_secret_along(
    httpserver: HTTPServer, point_at: PointAt, extra: dict[str, str], path: str, said: str
) -> None:
    elsewhere = Response("", 307, {"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request(path).respond_with_response(elsewhere)
    with pytest.raises(Auth0RunError, match=said):
        create(point_at(httpserver.port, **extra))
    assert [request.path for request, _ in httpserver.log] == [path]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"null",
        b'{"ticket": null}',
        b'{"ticket": {"url": "x"}}',
        b'{"ticket": "https://acme.eu.auth0.com/self-service/connections-flow"}',
        b'{"ticket": "https://[::1?ticket=abcdefgh"}',
        b"\xff\xfe\x00",
        b'{"ticket": ' + b"9" * 100_000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda said: said[:40].decode("latin-1"),
)
def test_a_201_without_a_ticket_is_an_ambiguous_result(httpserver: HTTPServer, hook: Auth0Hook, said: bytes) -> None:
    answering(httpserver, Response(said, 201))
    with pytest.raises(Auth0AmbiguousResultError, match="201 without a ticket") as caught:
        create(hook)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("said", [b"", b"<html>Oops</html>", b"\xff", b"[" * 100_000, b'{"message": ["a"]}'], ids=len)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Auth0RowError), (403, Auth0RunError), (429, Auth0TransientError), (503, Auth0TransientError)],
)
def test_an_error_without_json_is_known_by_its_status_and_not_repeated(
    httpserver: HTTPServer, hook: Auth0Hook, said: bytes, status: int, kind: type[Auth0Error]
) -> None:
    seen = answering(httpserver, Response(said, status))
    with pytest.raises(kind, match=f"Auth0 answered {status}"):
        create(hook)
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["X-RateLimit-Remaining", "x-ratelimit-remaining"])
def test_rate_limit_headers_are_case_insensitive(httpserver: HTTPServer, hook: Auth0Hook, name: str) -> None:
    rate_limiter = hook.rate_limiter = RateLimiter(1000)
    answering(httpserver, Response(json.dumps(TICKET), 201, {name: "0", name[:-9] + "Reset": "99999999999"}))
    create(hook)
    assert rate_limiter.delay() == pytest.approx(5, abs=0.5)


@pytest.fixture
def garbled() -> Iterator[int]:
    """Return the port of a server that answers one request with invalid HTTP."""

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 2OO garbled\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("act", [create, revoke])
def test_an_invalid_answer_is_reported_without_the_tickets_id(
    garbled: int,
    point_at: PointAt,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    act: Callable[[Auth0Hook], object],
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(
        Auth0AmbiguousResultError, match=r"No answer from 127(?s:.)*may have been carried out"
    ) as caught:
        act(point_at(garbled, token="ready-made-t0ken"))
    shown = f"{caught.value!r} {caught.value} {caplog.text} {capsys.readouterr()}"
    assert not [word for word in (TICKET_ID, "ready-made-t0ken", "/api/v2") if word in shown]


@pytest.mark.parametrize("status", [400, 500])
def test_a_refused_revocation_is_reported_without_the_tickets_id(
    httpserver: HTTPServer, hook: Auth0Hook, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG, "airflow")
    caplog.set_level(logging.DEBUG, "auth0_sso")
    httpserver.expect_request(f"{PATH}/{TICKET_ID}/revoke", method="POST").respond_with_json({}, status=status)
    with pytest.raises(Auth0Error) as caught:
        revoke(hook)
    ours = " ".join(record.getMessage() for record in caplog.records if record.name != "werkzeug")
    assert TICKET_ID not in f"{caught.value!r} {caught.value} {ours}"
