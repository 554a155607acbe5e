"""What the hook sends, and how it reads answers that a tenant should not give."""

from __future__ import annotations

import json
import logging
import socketserver
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

from tests.unit.auth0_sso.hooks.conftest import using

BODY = {"connection_config": {"name": "acme"}}
PATH = "/api/v2/self-service-profiles/ssp_1/sso-ticket"
TICKET_ID = "abcDEF0123456789abcDEF0123456789"
TICKET = {"ticket": f"https://acme.eu.auth0.com/self-service/connections-flow?ticket={TICKET_ID}"}
TOKEN = {"access_token": "t0ken-of-the-tenant", "expires_in": 3600, "scope": "create:sso_access_tickets"}


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Auth0Hook]:
    def hook(port: int, **extra: Any) -> Auth0Hook:
        connection = {
            "conn_type": "auth0",
            "host": f"http://127.0.0.1:{port}",
            "login": "client",
            "password": "s3cret-of-client",
            "extra": {"timeout": 5, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", json.dumps(connection))
        return Auth0Hook()

    return hook


@pytest.fixture
def hook(httpserver: HTTPServer, point_at: Callable[..., Auth0Hook]) -> Auth0Hook:
    httpserver.expect_request("/oauth/token", method="POST").respond_with_json(TOKEN)
    return point_at(httpserver.port)


def create(hook: Auth0Hook, profile_id: str = "ssp_1", **options: Any) -> Any:
    return using(hook, lambda opened: opened.create_sso_ticket(profile_id, BODY, **options))


def revoke(hook: Auth0Hook) -> None:
    using(hook, lambda opened: opened.revoke_sso_ticket("ssp_1", TICKET_ID))


def answering(httpserver: HTTPServer, hook: Auth0Hook, *answers: Response) -> list[Request]:
    """Give one answer after the other, the last one to all further requests; return the requests."""
    seen: list[Request] = []
    left = list(answers)

    def answer(request: Request) -> Response:
        seen.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    httpserver.expect_request(PATH).respond_with_handler(answer)
    return seen


def created() -> Response:
    return Response(json.dumps(TICKET), 201)


def test_a_ticket_request_has_the_apis_headers_and_no_others(httpserver: HTTPServer, hook: Auth0Hook) -> None:
    seen = answering(httpserver, hook, created())
    create(hook, custom_domain="login.example.com")
    (request,) = seen
    assert request.json == BODY
    headers = dict(request.headers)
    assert headers.pop("Authorization") == f"Bearer {TOKEN['access_token']}"
    assert headers.pop("Auth0-Custom-Domain") == "login.example.com"
    assert headers.pop("Content-Type") == headers.pop("Accept") == "application/json"
    assert set(headers) <= {"Host", "User-Agent", "Content-Length", "Accept-Encoding"}


def test_no_extra_and_no_secret_becomes_a_header(httpserver: HTTPServer, point_at: Callable[..., Auth0Hook]) -> None:
    httpserver.expect_request("/oauth/token").respond_with_json(TOKEN)
    secretive = {
        "X-Secret": "s3cret-header",
        "profile_id": "ssp_extra",
        "custom_domain": "extra.example.com",
        "headers": {"X-Deep": "s3cret-header"},
        "srv_lookup": True,
        "verify": False,
        "check_response": True,
        "allow_redirects": True,
        "proxies": {"http": "http://127.0.0.1:1"},
    }
    hook = point_at(httpserver.port, **secretive)
    answering(httpserver, hook, created())
    create(hook)
    (token_request, _), (ticket_request, _) = httpserver.log
    assert token_request.json["client_secret"] == "s3cret-of-client"
    assert b"s3cret" not in ticket_request.data
    for request, _ in httpserver.log:
        sent = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        assert not [word for word in ("s3cret", "X-Secret", "ssp_extra", "extra.example.com", "verify") if word in sent]
        assert set(request.headers.keys()) <= {
            "Host", "User-Agent", "Content-Length", "Content-Type", "Accept", "Accept-Encoding", "Authorization"
        }  # fmt: skip


def test_a_redirect_does_not_take_the_token_along(httpserver: HTTPServer, hook: Auth0Hook) -> None:
    answering(httpserver, hook, Response("", 302, {"Location": httpserver.url_for("/elsewhere")}))
    with pytest.raises(Auth0RunError, match="without a redirect"):
        create(hook)
    assert [request.path for request, _ in httpserver.log] == ["/oauth/token", PATH]


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirected_token_request_does_not_take_the_secret_along(
    httpserver: HTTPServer, point_at: Callable[..., Auth0Hook], status: int
) -> None:
    elsewhere = Response("", status, {"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request("/oauth/token").respond_with_response(elsewhere)
    with pytest.raises(Auth0RunError, match="tenant's domain"):
        create(point_at(httpserver.port))
    assert [request.path for request, _ in httpserver.log] == ["/oauth/token"]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"null",
        b'{"ticket": ""}',
        b'{"ticket": null}',
        b'{"ticket": 7}',
        b'{"ticket": {"url": "x"}}',
        b'{"ticket": "https://acme.eu.auth0.com/self-service/connections-flow"}',
        b'{"ticket": "https://[::1?ticket=abcdefgh"}',
        b"\xff\xfe\x00",
        b'{"ticket": ' + b"9" * 100_000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"ticket":' * 100_000,
    ],
    ids=lambda said: said[:40].decode("latin-1"),
)
def test_a_201_without_a_ticket_is_an_ambiguous_result(httpserver: HTTPServer, hook: Auth0Hook, said: bytes) -> None:
    answering(httpserver, hook, Response(said, 201))
    with pytest.raises(Auth0AmbiguousResultError, match="201 without a ticket") as caught:
        create(hook)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("said", [b"", b"<html>Oops</html>", b"\xff", b"[" * 100_000, b'{"message": ["a"]}'], ids=len)
@pytest.mark.parametrize(("status", "kind"), [(400, Auth0RowError), (403, Auth0RunError), (503, Auth0TransientError)])
def test_an_error_without_json_is_known_by_its_status(
    httpserver: HTTPServer, hook: Auth0Hook, said: bytes, status: int, kind: type[Auth0Error]
) -> None:
    answering(httpserver, hook, Response(said, status))
    with pytest.raises(kind, match=f"Auth0 answered {status}"):
        create(hook)


@pytest.mark.parametrize("said", [b"", b"<html>", b"[" * 100_000, b'{"access_token": 1e999}', b"\xff"], ids=len)
def test_a_token_answer_without_json_is_transient(
    httpserver: HTTPServer, point_at: Callable[..., Auth0Hook], said: bytes
) -> None:
    status = 200 if b"access_token" not in said else 503
    httpserver.expect_request("/oauth/token").respond_with_data(said, status=status)
    with pytest.raises(Auth0TransientError, match=f"no access token: {status}"):
        create(point_at(httpserver.port))


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 503])
def test_only_a_401_is_repeated(httpserver: HTTPServer, hook: Auth0Hook, status: int) -> None:
    seen = answering(httpserver, hook, Response("{}", status))
    with pytest.raises(Auth0Error):
        create(hook)
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["X-RateLimit-Remaining", "x-ratelimit-remaining"])
def test_rate_limit_headers_are_case_insensitive(httpserver: HTTPServer, hook: Auth0Hook, name: str) -> None:
    rate_limiter = hook.rate_limiter = RateLimiter(1000)
    answering(httpserver, hook, Response(json.dumps(TICKET), 201, {name: "0", name[:-9] + "Reset": "99999999999"}))
    create(hook)
    assert rate_limiter.delay() == pytest.approx(5, abs=0.5)


@pytest.fixture
def garbled() -> Iterator[int]:
    """Run a server that answers with invalid HTTP, and return its port."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(b"HTTP/1.1 2OO garbled\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("act", [create, revoke])
def test_an_invalid_answer_is_reported_without_the_tickets_id(
    garbled: int,
    point_at: Callable[..., Auth0Hook],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    act: Callable[[Auth0Hook], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Auth0AmbiguousResultError, match=r"No answer from 127\.0\.0\.1") as caught:
        act(point_at(garbled, token="ready-made-t0ken"))
    shown = f"{caught.value!r} {caught.value} {caplog.text} {capsys.readouterr()}"
    assert not [word for word in (TICKET_ID, "ready-made-t0ken", "/api/v2") if word in shown]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 302])
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
