"""The sandbox tenant in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.local.api import AirflowApi, ApiError
from dev.local.ports import free_port
from dev.local.tenant import LocalTenant


def test_neither_it_nor_the_api_is_reached_through_the_environments_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    tenant = LocalTenant(tmp_path, free_port())
    tenant.start()
    try:
        with pytest.raises(ApiError, match="404"):
            AirflowApi(tenant.url, "admin", "")
    finally:
        tenant.stop()
