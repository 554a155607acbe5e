"""Every route asks Airflow's auth manager: the test walks all of them, and fails for one that it does not know."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api import security
from airflow.models.log import Log
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from sso_ui.app import app

from tests.unit.sso_ui.conftest import DAG, RUN_ID, Check, SignIn

ID = "0" * 32
KEY = "0" * 64
READ_XCOM = ("GET", DagAccessEntity.XCOM, DAG)
SEE_RUN = ("GET", DagAccessEntity.RUN, DAG)
TRIGGER = ("POST", DagAccessEntity.RUN, DAG)
SEE_DAG = ("GET", None, DAG)
RUN = f"{DAG}/{RUN_ID}"

# Each route: an address, what the user must be allowed to do, and the status for one who is, where nothing is there.
ROUTES: dict[tuple[str, str], tuple[str, set[Check], int]] = {
    ("GET", "/"): ("/", set(), 303),
    ("GET", "/static/{name}"): ("/static/pages.css", set(), 200),
    ("GET", "/batches/new"): ("/batches/new", {TRIGGER}, 200),
    ("POST", "/batches"): ("/batches", {TRIGGER}, 422),
    ("GET", "/batches/{upload_id}"): (f"/batches/{ID}", {TRIGGER}, 404),
    ("POST", "/batches/{upload_id}/options"): (f"/batches/{ID}/options", {TRIGGER}, 404),
    ("POST", "/batches/{upload_id}/questions"): (f"/batches/{ID}/questions", {TRIGGER}, 404),
    ("GET", "/batches/{upload_id}/problems.{kind}"): (f"/batches/{ID}/problems.csv", {TRIGGER}, 404),
    ("GET", "/runs"): ("/runs", {SEE_RUN}, 200),
    ("GET", "/runs/{dag_id}/{run_id}"): (f"/runs/{RUN}", {SEE_RUN}, 404),
    ("GET", "/runs/{dag_id}/{run_id}/progress"): (f"/runs/{RUN}/progress", {SEE_RUN}, 404),
    ("GET", "/runs/{dag_id}/{run_id}/rows"): (f"/runs/{RUN}/rows", {READ_XCOM}, 404),
    ("GET", "/reports/{dag_id}/{run_id}"): (f"/reports/{RUN}", {READ_XCOM}, 404),
    ("POST", "/reports/{dag_id}/{run_id}/links"): (f"/reports/{RUN}/links", {READ_XCOM}, 404),
    ("GET", "/reports/{dag_id}/{run_id}/files/{name}"): (f"/reports/{RUN}/files/tickets.csv", {READ_XCOM}, 404),
    ("GET", "/customers"): ("/customers", {READ_XCOM}, 200),
    ("POST", "/customers"): ("/customers", {READ_XCOM}, 200),
    ("POST", "/customers/{key}/mail"): (f"/customers/{KEY}/mail", {READ_XCOM}, 404),
    ("POST", "/customers/{key}/link"): (f"/customers/{KEY}/link", {READ_XCOM}, 404),
    ("POST", "/customers/setups.{kind}"): ("/customers/setups.csv", {READ_XCOM}, 404),
    ("GET", "/customers/{key}/timeline"): (f"/customers/{KEY}/timeline", {READ_XCOM}, 404),
    ("POST", "/customers/{key}/finish"): (f"/customers/{KEY}/finish", {READ_XCOM, TRIGGER}, 404),
    ("POST", "/customers/{key}/reissue"): (f"/customers/{KEY}/reissue", {READ_XCOM, TRIGGER}, 404),
    ("GET", "/columns"): ("/columns", {SEE_DAG}, 200),
    ("GET", "/columns/template.csv"): ("/columns/template.csv", {SEE_DAG}, 200),
    ("GET", "/columns/template.xlsx"): ("/columns/template.xlsx", {SEE_DAG}, 200),
}
BODIES = {"/reports/{dag_id}/{run_id}/links": {"json": {"rows": [1]}}}
OWN_PAGE = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
EACH_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=" ".join)
POSTS = pytest.mark.parametrize("route", [route for route in ROUTES if route[0] == "POST"], ids=" ".join)


def call(client: TestClient, route: tuple[str, str], headers: dict[str, str] = OWN_PAGE) -> int:
    method, template = route
    answer = client.request(method, ROUTES[route][0], headers=headers, **BODIES.get(template, {}))
    return int(answer.status_code)


def test_every_route_is_known_here() -> None:
    routes = {(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    assert routes == set(ROUTES)
    assert all(isinstance(route, APIRoute) for route in app.routes), "nothing is mounted"


@EACH_ROUTE
@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), ({"Authorization": "Bearer forged"}, 403), ({"Cookie": "_token=forged"}, 403)]
)
def test_nobody_gets_anything_without_a_login(
    client: TestClient, route: tuple[str, str], headers: dict[str, str], status: int
) -> None:
    assert call(client, route, {**OWN_PAGE, **headers}) == status


@EACH_ROUTE
def test_a_user_who_may_do_all_gets_what_is_there(client: TestClient, sign_in: SignIn, route: tuple[str, str]) -> None:
    checks = sign_in()
    assert call(client, route) == ROUTES[route][2]
    assert ROUTES[route][1] <= set(checks)


@EACH_ROUTE
def test_each_right_is_needed(client: TestClient, sign_in: SignIn, route: tuple[str, str]) -> None:
    for needed in ROUTES[route][1]:
        sign_in(lambda check, needed=needed: check != needed)
        assert call(client, route) == 403


def test_the_first_page_is_one_that_the_user_may_see(client: TestClient, sign_in: SignIn) -> None:
    sign_in()
    assert client.get("/").headers["location"] == "/batches/new"
    sign_in(lambda check: check != TRIGGER)
    assert client.get("/").headers["location"] == "/runs"
    assert "<nav" in client.get("/batches/new").text, "a refused page leads on"


GIVES_LINKS = {
    ("POST", "/reports/{dag_id}/{run_id}/links"),
    ("GET", "/reports/{dag_id}/{run_id}/files/{name}"),
    ("POST", "/customers/{key}/link"),
}


@EACH_ROUTE
def test_a_setting_leaves_links_to_those_who_may_start_runs(
    client: TestClient, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, route: tuple[str, str]
) -> None:
    monkeypatch.setenv("SSO_TICKETS_LINKS_NEED", "trigger")
    sign_in(lambda check: check != TRIGGER)
    is_refused = route in GIVES_LINKS or TRIGGER in ROUTES[route][1]
    assert call(client, route) == (403 if is_refused else ROUTES[route][2])
    sign_in()
    assert call(client, route) == ROUTES[route][2]


def test_with_an_unknown_setting_nobody_has_links(
    client: TestClient, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSO_TICKETS_LINKS_NEED", "admin")
    sign_in()
    assert {call(client, route) for route in GIVES_LINKS} == {403}
    assert "SSO_TICKETS_LINKS_NEED" in client.post(f"/customers/{KEY}/link", headers=OWN_PAGE).text
    assert client.get("/customers").status_code == 200


@EACH_ROUTE
def test_no_other_right_is_needed(client: TestClient, sign_in: SignIn, route: tuple[str, str]) -> None:
    sign_in(lambda check: check in ROUTES[route][1])
    assert call(client, route) == ROUTES[route][2]


@pytest.mark.parametrize("template", ["/runs/{}", "/runs/{}/progress", "/reports/{}", "/reports/{}/files/tickets.csv"])
def test_the_rights_for_another_dag_are_asked_for_and_it_has_no_page(
    client: TestClient, sign_in: SignIn, template: str
) -> None:
    checks = sign_in()
    assert client.get(template.format(f"other_dag/{RUN_ID}")).status_code == 404
    assert {dag_id for _, _, dag_id in checks} == {"other_dag"}
    sign_in(lambda check: check[2] != "other_dag")
    assert client.get(template.format(f"other_dag/{RUN_ID}")).status_code == 403


@pytest.mark.parametrize("path", ["/batches/..%2F..%2Fetc", "/static/..%2Fapp.py", "/static/../app.py"])
def test_a_path_leads_nowhere_else(client: TestClient, sign_in: SignIn, path: str) -> None:
    sign_in()
    assert client.get(path).status_code in (404, 405)


@POSTS
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[testserver"},
        {"Origin": "http://testserver:port"},
        {"Origin": "testserver"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "none"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": ""},
        {"Origin": "http://testserver:8081"},
        {"Origin": "http://testserver:443"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
        {"Origin": "https://evil.example", "Forwarded": "host=evil.example"},
        {"Origin": "https://evil.example", "Authorization": "Basic YW5uOnNlY3JldA=="},
        {"Origin": "https://evil.example", "Authorization": "Bearer"},
        {"Origin": "https://evil.example", "Authorization": "Bearer "},
        {"Origin": "https://evil.example", "Authorization": "Bearer  "},
        {"Origin": "https://evil.example", "Authorization": "Digest username=ann"},
        {},
    ],
    ids=str,
)
def test_another_sites_page_can_not_post_with_the_users_cookie(
    client: TestClient, sign_in: SignIn, route: tuple[str, str], headers: dict[str, str]
) -> None:
    sign_in()
    assert call(client, route, headers) == 403


PUBLIC = "https://airflow.acme.example"
PORT = "https://airflow.acme.example:8443"
# What a proxy that ends TLS lets the api-server see of a browser's request: http, and the name that it passes as Host.
THROUGH_A_PROXY: list[tuple[str, str, dict[str, str], bool]] = [
    # [api] base_url, Host, headers of the browser, whether the request is answered
    ("", "airflow.acme.example", {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}, True),
    ("", "airflow.acme.example", {"Origin": PUBLIC}, True),
    ("", "airflow.acme.example:443", {"Origin": PUBLIC}, True),
    ("", "AIRFLOW.Acme.Example", {"Origin": PUBLIC}, True),
    ("", "airflow.acme.example:8443", {"Origin": PORT}, True),
    ("", "airflow-api-server:8080", {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}, True),
    ("HTTPS://AIRFLOW.ACME.EXAMPLE", "airflow-api-server:8080", {"Origin": PUBLIC}, True),
    ("https://airflow.acme.example:443", "airflow-api-server:8080", {"Origin": PUBLIC}, True),
    ("https://airflow.acme.example/airflow", "airflow-api-server:8080", {"Origin": PUBLIC}, True),
    ("https://airflow.acme.example:8443/", "airflow-api-server:8080", {"Origin": PORT}, True),
    ("", "[::1]:8080", {"Origin": "http://[::1]:8080"}, True),
    ("", "airflow-api-server:8080", {"Origin": PUBLIC}, False),
    ("", "airflow.acme.example", {"Origin": "https://evil.example"}, False),
    ("", "airflow.acme.example", {"Origin": PORT}, False),
    ("", "airflow.acme.example", {"Origin": PUBLIC, "Sec-Fetch-Site": "cross-site"}, False),
    (PUBLIC, "airflow-api-server:8080", {"Origin": "http://airflow.acme.example"}, False),
    (PUBLIC, "airflow-api-server:8080", {"Origin": "https://acme.example", "Sec-Fetch-Site": "same-site"}, False),
    (PUBLIC, "airflow-api-server:8080", {"Origin": "https://evil.example"}, False),
    ("/", "airflow-api-server:8080", {"Origin": "null"}, False),
]


@pytest.mark.parametrize(("base_url", "host", "headers", "answered"), THROUGH_A_PROXY, ids=str)
def test_a_browsers_post_through_a_proxy_that_ends_tls_is_answered_and_another_sites_is_not(
    client: TestClient,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    base_url: str,
    host: str,
    headers: dict[str, str],
    answered: bool,
) -> None:
    sign_in()
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert call(client, ("POST", "/customers"), {"Host": host, **headers}) == (200 if answered else 403)


BEARER = {"Authorization": "bearer s3cret"}


@POSTS
def test_a_script_with_a_token_of_its_own_needs_no_origin(
    client: TestClient, sign_in: SignIn, route: tuple[str, str]
) -> None:
    sign_in()
    assert call(client, route, BEARER) == ROUTES[route][2]


def test_a_token_beside_a_cookie_counts_only_if_it_is_the_token_that_authenticates(
    client: TestClient, sign_in: SignIn
) -> None:
    """Some versions of Airflow prefer the cookie, which a middleware has read, as ``request.state.user``."""
    sign_in()
    ann = SimpleNamespace(get_name=lambda: "ann")

    def by_cookie(request: Request) -> Any:
        request.state.user = ann
        return ann

    def by_token(request: Request) -> Any:
        request.state.user = ann
        return SimpleNamespace(get_name=lambda: "robot")

    for get_user, status in ((by_cookie, 403), (by_token, 200)):
        app.dependency_overrides[security.get_user] = get_user
        assert call(client, ("POST", "/customers"), BEARER) == status


@EACH_ROUTE
def test_every_answer_is_closed(client: TestClient, sign_in: SignIn, route: tuple[str, str]) -> None:
    sign_in()
    method, template = route
    headers = client.request(method, ROUTES[route][0], headers=OWN_PAGE, **BODIES.get(template, {})).headers
    if "location" in headers:
        return
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in headers["Cache-Control"] or template.startswith("/static")
    if headers["Content-Type"].startswith("text/html"):
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'nonce-")
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy  # a report's own page has styles in it


def test_a_nonce_is_used_once(client: TestClient, sign_in: SignIn) -> None:
    sign_in()
    one, two = (client.get("/batches/new") for _ in range(2))
    assert one.headers["Content-Security-Policy"] != two.headers["Content-Security-Policy"]


@pytest.mark.parametrize("wanted", ["text/html", "application/json"])
def test_who_is_not_logged_in_is_led_to_the_login_and_back(client: TestClient, wanted: str) -> None:
    answer = client.get(f"/runs/{RUN}?page=2", headers={"Accept": wanted})
    assert answer.status_code == 401
    assert return_address(answer) == f"/runs/{RUN}?page=2"


def test_a_name_that_is_none_leads_to_the_login_too(client: TestClient) -> None:
    answer = client.get("/batches/a%3Fb%20c", headers={"Host": "["})
    assert answer.status_code == 401
    assert return_address(answer) == "/batches/a%3Fb%20c"


def return_address(answer: Any) -> str:
    """Return where the login leads back to."""
    (login,) = re.findall(r'href="([^"]*/api/v2/auth/login[^"]*)"', answer.text)
    (address,) = parse_qs(urlsplit(html.unescape(login)).query)["next"]
    return address


@pytest.mark.parametrize(
    ("referer", "address"),
    [
        ("https://airflow.acme.example/batches/new", "/batches/new"),
        ("https://airflow.acme.example/customers", "/customers"),
        (f"https://airflow.acme.example/batches/{ID}?reissue=true", f"/batches/{ID}?reissue=true"),
        ("https://airflow.acme.example/batches", "/"),
        ("https://airflow.acme.example/other", "/"),
        ("https://airflow.acme.example//evil.example/runs", "/"),
        ("https://evil.example/runs", "/"),
        ("https://[evil", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_a_post_without_a_login_the_login_leads_to_a_page_that_answers_get(
    client: TestClient, referer: str, address: str
) -> None:
    headers = {"Host": "airflow.acme.example", "Origin": PUBLIC, "Referer": referer}
    answer = client.post("/batches", headers=headers)
    assert answer.status_code == 401
    assert return_address(answer) == address


@pytest.mark.parametrize("base_url", ["", "https://airflow.acme.example/team", "HTTPS://Airflow.acme.example:443/team"])
def test_the_login_itself_takes_the_return_address_and_leads_to_the_public_one(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    """It has no scheme and no name, so those that the browser shows stay, and no header can name another site."""
    mounted = FastAPI(root_path=urlsplit(base_url).path)
    mounted.mount("/sso-tickets", app)
    browser = TestClient(mounted, headers={"Host": "airflow.acme.example"})
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    address = return_address(browser.get(f"{mounted.root_path}/sso-tickets/runs"))
    seen = {"type": "http", "path": "/login", "server": ("10.0.0.1", 8080), "scheme": "http", "query_string": b""}
    headers = [(b"host", b"airflow.acme.example")]
    login = Request({**seen, "headers": headers, "root_path": mounted.root_path})
    assert security.is_safe_url(address, request=login)
    assert security.is_safe_url(address)
    assert address == f"{mounted.root_path}/sso-tickets/runs"


def logged(session: Session) -> list[tuple[str, str | None, str | None]]:
    return [(log.event, log.owner, log.dag_id) for log in session.scalars(select(Log))]


def test_what_only_looks_leaves_no_trace_in_the_audit_log(
    client: TestClient, sign_in: SignIn, session: Session
) -> None:
    sign_in()
    for route in ROUTES:
        call(client, route)
    assert logged(session) == []
