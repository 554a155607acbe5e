"""The environment of the local Airflow."""

from __future__ import annotations

from pathlib import Path
from urllib.request import proxy_bypass

import pytest

from dev.local.airflow import LocalAirflow


@pytest.mark.parametrize("variable", ["AIRFLOW_CONFIG", "AIRFLOW_HOME", "AIRFLOW__SECRETS__BACKEND"])
def test_another_airflows_settings_are_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "of-another")
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", "{}")
    env = LocalAirflow(tmp_path).env
    assert "of-another" not in env.values()
    assert env["AIRFLOW_CONN_AUTH0_DEFAULT"] == "{}"


def test_its_processes_use_no_proxy_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    for name, value in LocalAirflow(tmp_path).env.items():
        monkeypatch.setenv(name, value)
    assert all(proxy_bypass(host) for host in ("127.0.0.1", "localhost", "intranet.example"))
    assert not proxy_bypass("auth0.example")
