"""A body is read only for those who may send it, after their login, and no more of it than the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sso_ui.app import app
from sso_ui.bodies import MAX_BYTES
from sso_ui.data import uploads
from starlette import formparsers

from tests.support.prospects import csv_of
from tests.unit.sso_ui.conftest import SignIn
from tests.unit.sso_ui.test_access import ID, KEY, RUN, TRIGGER

BROKEN_OFF = b""
MIB = b"x" * 2**20
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
WITH_A_BODY = [
    ("/batches", MULTIPART),
    ("/batches", FORM),
    ("/customers", FORM),
    ("/customers", MULTIPART),
    ("/customers/setups.csv", FORM),
    (f"/customers/{KEY}/link", FORM),
    (f"/customers/{KEY}/finish", FORM),
    (f"/customers/{KEY}/reissue", FORM),
    (f"/reports/{RUN}/links", JSON),
]
READ = [*WITH_A_BODY[:3], WITH_A_BODY[4], WITH_A_BODY[-1]]


class Sender:
    """A client that sends a body in parts, and counts those that are taken from it."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self.taken = 0
        self.status = 0
        self.text = ""

    def post(self, path: str, headers: dict[str, str]) -> Sender:
        """Send it, and keep the answer."""
        sent = {"host": "testserver", "origin": "http://testserver", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "server": ("testserver", 80),
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        asyncio.run(app(scope, self._receive, self._send))
        return self

    async def _receive(self) -> dict[str, Any]:
        part = next(self._parts, None)
        if part == BROKEN_OFF:
            return {"type": "http.disconnect"}
        self.taken += part is not None
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the temporary files that the parser of forms makes."""
    made: list[Any] = []
    spooled = formparsers.SpooledTemporaryFile

    def make(**options: Any) -> Any:
        made.append(spooled(**options))
        return made[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", make)
    return made


def large(mib: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(mib):
        yield MIB


@pytest.mark.parametrize(("path", "headers"), WITH_A_BODY)
@pytest.mark.parametrize("length", [{}, {"content-length": "1048576000"}], ids=["chunked", "declared"])
def test_without_a_login_nothing_of_a_body_is_read_or_stored(
    client: TestClient, stored: list[Any], path: str, headers: dict[str, str], length: dict[str, str]
) -> None:
    sender = Sender(large(1_000)).post(path, {**headers, **length})
    assert sender.status == 401
    assert (sender.taken, stored) == (0, [])


@pytest.mark.parametrize(("path", "headers"), WITH_A_BODY)
def test_without_the_right_or_from_another_site_nothing_of_a_body_is_read_or_stored(
    client: TestClient, sign_in: SignIn, stored: list[Any], path: str, headers: dict[str, str]
) -> None:
    for allowed, origin in ((False, "http://testserver"), (True, "https://evil.example")):
        sign_in(lambda _check, allowed=allowed: allowed)
        sender = Sender(large(1_000)).post(path, {**headers, "origin": origin})
        assert sender.status == 403
        assert (sender.taken, stored) == (0, [])


@pytest.mark.parametrize(("path", "headers"), READ)
@pytest.mark.parametrize("length", ["", "0", "-1", "12", "x", "9" * 5_000], ids=lambda text: text[:9])
def test_a_body_over_the_limit_is_refused_early_whatever_its_length_is_said_to_be(
    client: TestClient,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    headers: dict[str, str],
    length: str,
) -> None:
    sign_in()
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 3 * 2**20)
    sender = Sender(large(1_000)).post(path, {**headers, **({"content-length": length} if length else {})})
    assert sender.status == 413
    assert sender.taken <= 5
    assert ("divide it among several runs" if path == "/batches" else "too large") in sender.text


@pytest.mark.parametrize(("path", "headers"), READ)
def test_a_body_that_is_said_to_be_over_the_limit_is_refused_unread(
    client: TestClient, sign_in: SignIn, path: str, headers: dict[str, str]
) -> None:
    sign_in()
    most = uploads.MAX_UPLOAD_BYTES if path == "/batches" else MAX_BYTES
    sender = Sender(large(1_000)).post(path, {**headers, "content-length": str(most + 2**20)})
    assert (sender.status, sender.taken) == (413, 0)


def test_only_who_may_start_runs_uploads(client: TestClient, sign_in: SignIn, stored: list[Any]) -> None:
    sign_in(lambda check: check != TRIGGER)
    assert client.post("/batches", files={"file": ("a.csv", csv_of(1, 1, "a"))}).status_code == 403
    assert stored == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"nothing", MULTIPART),
        (b"nothing", {"content-type": "multipart/form-data"}),
        (HEAD * 3 + b"--b--", MULTIPART),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", MULTIPART),
    ],
)
def test_a_form_that_is_none_has_a_page_with_the_reason(
    client: TestClient, sign_in: SignIn, body: bytes, headers: dict[str, str]
) -> None:
    sign_in()
    answer = client.post("/batches", content=body, headers={**headers, "Origin": "http://testserver"})
    assert answer.status_code in (400, 422)
    assert "<nav" in answer.text


@pytest.mark.parametrize("form", [{"page": "0"}, {"page": "x"}, {"q": "x" * 301}], ids=str)
def test_a_search_with_other_fields_is_refused(client: TestClient, sign_in: SignIn, form: dict[str, str]) -> None:
    sign_in()
    assert client.post("/customers", data=form, headers={"Origin": "http://testserver"}).status_code == 422


def test_a_search_takes_no_file(client: TestClient, sign_in: SignIn, stored: list[Any]) -> None:
    sign_in()
    answer = client.post("/customers", files={"q": ("a.csv", b"x")}, headers={"Origin": "http://testserver"})
    assert answer.status_code == 400
    assert stored == []


def test_an_upload_that_nobody_has_is_not_read(client: TestClient, sign_in: SignIn) -> None:
    sign_in()
    assert Sender(large(1_000)).post(f"/batches/{ID}", MULTIPART).taken == 0


@pytest.mark.parametrize(("path", "headers"), READ)
def test_a_body_that_is_broken_off_is_no_error_of_the_server(
    client: TestClient, sign_in: SignIn, path: str, headers: dict[str, str]
) -> None:
    sign_in()
    assert Sender([HEAD[:9], BROKEN_OFF]).post(path, headers).status == 400


def test_a_file_in_place_of_the_text_is_nothing_to_check(client: TestClient, sign_in: SignIn) -> None:
    sign_in()
    answer = client.post("/batches", files={"text": ("a.csv", b"x")}, headers={"Origin": "http://testserver"})
    assert "There is nothing to check" in answer.text
