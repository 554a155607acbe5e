"""Requests to the local Airflow: only one that found SQLite busy is sent again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pytest_httpserver import HTTPServer

from dev.local.api import AirflowApi, ApiError

BUSY = {"detail": {"reason": "Database error", "statement": "hidden", "orig_error": "hidden"}}
FAULTY = {"detail": "Internal Server Error"}


@pytest.fixture
def api(httpserver: HTTPServer) -> AirflowApi:
    httpserver.expect_request("/auth/token", method="POST").respond_with_json({"access_token": "token"})
    return AirflowApi(httpserver.url_for("").rstrip("/"), "admin", "password")


def test_a_request_that_found_the_database_busy_is_sent_again(api: AirflowApi, httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/api/v2/dags/d/dagRuns/r", method="PATCH").respond_with_json(BUSY, status=500)
    httpserver.expect_ordered_request("/api/v2/dags/d/dagRuns/r", method="PATCH").respond_with_json({})
    api.end("d", "r")
    httpserver.check()


@pytest.mark.parametrize(("answer", "requests"), [(FAULTY, 1), (BUSY, 3)])
def test_a_request_that_fails_for_another_reason_or_again_is_an_error(
    api: AirflowApi, httpserver: HTTPServer, answer: dict[str, object], requests: int
) -> None:
    httpserver.expect_request("/api/v2/dags/d/dagRuns/r").respond_with_json(answer, status=500)
    with pytest.raises(ApiError, match="Airflow answered 500"):
        api.end("d", "r")
    assert [request.method for request, _ in httpserver.log] == ["POST", *["PATCH"] * requests]


@pytest.mark.parametrize(
    ("command", "database", "seconds"),
    [
        ("api-server", "sqlite:///x", "5.0"),
        ("scheduler", "sqlite:///x", "None"),
        ("api-server", "postgres://x", "None"),
    ],
)
def test_only_the_api_server_gives_up_soon_when_sqlite_is_locked(command: str, database: str, seconds: str) -> None:
    code = "from dev.local.sqlite import CONNECT_ARGS; print(CONNECT_ARGS.get('timeout'))"
    env = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
    shown = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=True, env=env)
    assert shown.stdout.strip() == seconds
