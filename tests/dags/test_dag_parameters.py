"""Schedule and parameters of the DAGs: what a scheduled run gets, and what the trigger form takes."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from tests.dags.parsing import Parsed

ParsedFiles = dict[tuple[str, str], Parsed]

CREATE_DEFAULTS = {
    "prospects_uri": "include/data/prospects.csv",
    "prospects_csv": "",
    "profile_id": "",
    "ttl_sec": 0,
    "on_existing": "reuse",
    "on_invalid_rows": "skip",
    "max_mapped_tasks": 128,
    "require_approval": False,
    "dry_run": False,
    "report_uri": "reports",
}


@pytest.mark.parametrize(("environment", "schedule"), [("plain", "@daily"), ("set", "30 6 * * 1-5"), ("empty", None)])
def test_the_environment_sets_the_schedule(parsed: ParsedFiles, environment: str, schedule: str | None) -> None:
    assert parsed["create_sso_tickets.py", environment].schedules == {"create_sso_tickets": schedule}


@pytest.mark.parametrize("environment", ["plain", "set"])
def test_tickets_are_never_revoked_by_schedule(parsed: ParsedFiles, environment: str) -> None:
    assert parsed["revoke_sso_tickets.py", environment].schedules == {"revoke_sso_tickets": None}


@pytest.mark.parametrize("environment", ["plain", "empty"])
def test_a_scheduled_run_gets_these_parameters(parsed: ParsedFiles, environment: str) -> None:
    found = dict(parsed["create_sso_tickets.py", environment].defaults["create_sso_tickets"])
    assert found.pop("report_uri").rstrip("/") == "reports"
    assert found == {name: value for name, value in CREATE_DEFAULTS.items() if name != "report_uri"}


def test_the_environment_says_where_prospects_come_from_and_reports_go(parsed: ParsedFiles) -> None:
    created = parsed["create_sso_tickets.py", "set"].defaults["create_sso_tickets"]
    assert (created["prospects_uri"], created["report_uri"]) == ("s3://crm/prospects/", "s3://crm/reports/")
    revoked = parsed["revoke_sso_tickets.py", "set"].defaults["revoke_sso_tickets"]
    assert revoked["export_uri"] == "s3://crm/reports/"


def test_revoking_selects_nothing_unless_asked(parsed: ParsedFiles) -> None:
    found = parsed["revoke_sso_tickets.py", "plain"].defaults["revoke_sso_tickets"]
    assert {name: found[name] for name in ("report_uri", "organization_ids", "all_live", "dry_run")} == {
        "report_uri": "",
        "organization_ids": [],
        "all_live": False,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        ("create_sso_tickets", "ttl_sec", 432_000),
        ("create_sso_tickets", "on_existing", "reissue"),
        ("create_sso_tickets", "on_invalid_rows", "fail"),
        ("create_sso_tickets", "max_mapped_tasks", 1),
        ("create_sso_tickets", "prospects_csv", None),  # what the form sends for an emptied field
        ("create_sso_tickets", "profile_id", None),
        ("revoke_sso_tickets", "organization_ids", ["org_1"]),
        ("revoke_sso_tickets", "organization_ids", None),
        ("revoke_sso_tickets", "report_uri", None),
    ],
)
def test_the_form_takes(dags: dict[str, DAG], dag_id: str, name: str, value: Any) -> None:
    assert dags[dag_id].params.get_param(name).resolve(value) == value


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        ("create_sso_tickets", "ttl_sec", -1),
        ("create_sso_tickets", "ttl_sec", 432_001),
        ("create_sso_tickets", "ttl_sec", "soon"),
        ("create_sso_tickets", "on_existing", "replace"),
        ("create_sso_tickets", "on_invalid_rows", "ignore"),
        ("create_sso_tickets", "max_mapped_tasks", 0),
        ("create_sso_tickets", "dry_run", "perhaps"),
        ("create_sso_tickets", "require_approval", 1),
        ("create_sso_tickets", "report_uri", None),
        ("revoke_sso_tickets", "organization_ids", "org_1"),
        ("revoke_sso_tickets", "all_live", "yes"),
        ("revoke_sso_tickets", "max_mapped_tasks", 0),
    ],
)
def test_the_form_refuses(dags: dict[str, DAG], dag_id: str, name: str, value: Any) -> None:
    param = dags[dag_id].params.get_param(name)
    before = param.value
    with pytest.raises(ParamValidationError):
        param.resolve(value)
    assert param.value == before
