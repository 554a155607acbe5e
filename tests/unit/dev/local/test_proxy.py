"""A proxy that the environment names is not asked for what listens on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.request import proxy_bypass

import pytest

from dev.local.airflow import LocalAirflow
from dev.local.api import AirflowApi, ApiError
from dev.local.ports import free_port
from dev.local.tenant import LocalTenant


@pytest.fixture(autouse=True)
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")


def test_neither_by_the_sandbox_nor_by_the_api(tmp_path: Path) -> None:
    tenant = LocalTenant(tmp_path, free_port())
    tenant.start()
    try:
        with pytest.raises(ApiError, match="404"):
            AirflowApi(tenant.url, "admin", "")
    finally:
        tenant.stop()


def test_nor_by_airflows_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LocalAirflow(tmp_path).env.items():
        monkeypatch.setenv(name, value)
    assert all(proxy_bypass(host) for host in ("127.0.0.1", "localhost", "intranet.example"))
    assert not proxy_bypass("auth0.example")
