"""The local Airflow has settings of its own."""

from __future__ import annotations

from pathlib import Path

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
