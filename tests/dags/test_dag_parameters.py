"""Schedule and parameters of the DAGs."""

from __future__ import annotations

import pytest

from tests.dags.conftest import ENVIRONMENTS
from tests.dags.parsing import Parsed

ParsedFiles = dict[tuple[str, str], Parsed]

CREATE_DEFAULTS = {
    "prospects_uri": "include/data/prospects.csv",
    "prospects_csv": "",
    "profile_id": "",
    "ttl_sec": 0,
    "on_existing": "reuse",
    "on_conflict": "report",
    "one_link_per_connection": False,
    "enabled_clients": [],
    "replace_limit": 10,
    "on_invalid_rows": "skip",
    "columns": {},
    "on_unknown_columns": "fail",
    "sheet": "",
    "encoding": "utf-8",
    "max_mapped_tasks": None,
    "require_approval": False,
    "dry_run": False,
    "report_uri": "reports",
}
MAIL_DEFAULTS = {
    "kind": "all",
    "organization_ids": [],
    "created_after": None,
    "resend": False,
    "remind_after_days": 3,
    "most_reminders": 1,
    "dry_run": False,
    "require_approval": False,
    "mails_per_minute": 30,
    "report_uri": "reports",
}


@pytest.mark.parametrize(
    ("environment", "schedule", "follow_schedule"),
    [("plain", "@daily", "@hourly"), ("set", "30 6 * * 1-5", "*/20 * * * *"), ("empty", None, None)],
)
def test_the_environment_sets_the_schedules(
    parsed: ParsedFiles, environment: str, schedule: str | None, follow_schedule: str | None
) -> None:
    assert parsed["create_sso_tickets.py", environment].schedules == {"create_sso_tickets": schedule}
    assert parsed["follow_sso_setups.py", environment].schedules == {"follow_sso_setups": follow_schedule}
    assert parsed["revoke_sso_tickets.py", environment].schedules == {"revoke_sso_tickets": None}


def test_mails_are_sent_by_themselves_only_if_there_is_a_sender(parsed: ParsedFiles) -> None:
    schedules = {name: parsed["mail_sso_tickets.py", name].schedules["mail_sso_tickets"] for name in ENVIRONMENTS}
    assert schedules == {"plain": None, "set": "AssetOrTimeSchedule", "empty": None}
    stored = parsed["mail_sso_tickets.py", "set"].serialized["mail_sso_tickets"]["dag"]["timetable"]
    assert "sso_ticket_reports" in str(stored)
    assert "0 7 * * *" in str(stored)


@pytest.mark.parametrize("environment", ["plain", "empty"])
def test_a_scheduled_run_gets_these_parameters(parsed: ParsedFiles, environment: str) -> None:
    assert parsed["create_sso_tickets.py", environment].defaults["create_sso_tickets"] == CREATE_DEFAULTS
    followed = parsed["follow_sso_setups.py", environment].defaults["follow_sso_setups"]
    assert followed == {"dry_run": False, "report_uri": "reports"}
    assert parsed["mail_sso_tickets.py", environment].defaults["mail_sso_tickets"] == MAIL_DEFAULTS


def test_the_environment_sets_the_places_of_prospects_and_reports(parsed: ParsedFiles) -> None:
    created = parsed["create_sso_tickets.py", "set"].defaults["create_sso_tickets"]
    assert (created["prospects_uri"], created["report_uri"]) == ("s3://crm/prospects/", "s3://crm/reports/")
    for dag_id in ("revoke_sso_tickets", "follow_sso_setups", "mail_sso_tickets"):
        assert parsed[f"{dag_id}.py", "set"].defaults[dag_id]["report_uri"] == "s3://crm/reports/"
