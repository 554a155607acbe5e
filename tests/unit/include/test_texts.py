"""What the approval and the notifications say, rendered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from auth0_sso.models import DeliveryStatus, TicketStatus
from jinja2 import Environment, StrictUndefined

from include.texts import APPROVAL, APPROVAL_NOTICE, MAIL_APPROVAL, MAIL_APPROVAL_NOTICE, MAIL_NOTICE, OUTCOME_NOTICE

PLAN = {
    "prospects": 9,
    "organizations": 4,
    "invalid": 2,
    "create": 5,
    "edit": 1,
    "reuse": 4,
    "replace": 0,
    "finished": 3,
    "conflict": 2,
    "revocations": 0,
    "requests": 5,
    "mapped_tasks": 4,
    "fan_out": "each has a task of its own",
    "seconds": 2.5,
    "links_not_in_ledger": 0,
    "warnings": 1,
}
COUNTS = dict.fromkeys(map(str, TicketStatus), 0)


def render(template: str, pulled: Any, **params: Any) -> str:
    """Render as Airflow does; every XCom is ``pulled``."""
    return (
        Environment(undefined=StrictUndefined, autoescape=False)
        .from_string(template)
        .render(
            ti=SimpleNamespace(xcom_pull=lambda **_: pulled),
            params=params,
            dag=SimpleNamespace(dag_id="create_sso_tickets"),
            run_id="<run>",
            ui_address=lambda *parts: "https://airflow/" + "/".join(parts),
        )
    )


def test_the_question_is_one_line_and_shows_the_plan() -> None:
    assert render(APPROVAL["subject"], PLAN) == (
        "Create SSO tickets? Prospects: 9, organizations: 4, to create: 5, to reuse: 4, to replace: 0, invalid rows: 2"
    )


def test_its_body_is_a_table_of_the_plan_with_a_link_to_all_rows() -> None:
    lines = render(APPROVAL["body"], PLAN).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert lines[lines.index(table[0]) - 1] == "", "Markdown needs an empty line before a table"
    assert table == [
        "| | |",
        "| --- | --- |",
        "| Prospects | 9 |",
        "| Organizations | 4 |",
        "| Links to create | 5 |",
        "| Links to finish a connection that exists | 1 |",
        "| Links to reuse | 4 |",
        "| Links to replace | 0 |",
        "| Finished prospects, who need no link | 3 |",
        "| Prospects whose connection exists, who get no link | 2 |",
        "| Invalid rows, which are left out | 2 |",
        "| Warnings, see the log of `plan_fan_out` | 1 |",
        "| Mapped tasks: each has a task of its own | 4 |",
        "| Seconds at the pool's rate | 2.5 |",
    ]
    assert "[All rows of the plan](https://airflow/sso-tickets/runs/create_sso_tickets/<run>/rows)" in lines


def test_its_body_begins_with_a_warning_if_the_ledger_is_new() -> None:
    body = render(APPROVAL["body"], {**PLAN, "links_not_in_ledger": 300})
    assert body.strip().startswith("**Warning: the ledger is empty, but the newest report lists links that may still")
    assert "work: 300.**" in body
    assert "ledger" not in render(APPROVAL["body"], PLAN)


@pytest.mark.parametrize(
    ("revocations", "params", "first"),
    [
        (0, {}, "Valid links are reused, the others are created."),
        (0, {"on_existing": "reissue"}, "Valid links are reused, the others are created."),
        (3, {"on_existing": "reissue"}, "**Warning: links that customers may have received stop working: 3.**"),
        (3, {"dry_run": True, "on_existing": "reissue"}, "**Dry run**: nothing is sent, whatever you choose."),
    ],
)
def test_its_body_begins_with_what_matters_most(revocations: int, params: dict[str, Any], first: str) -> None:
    assert render(APPROVAL["body"], {**PLAN, "revocations": revocations}, **params).startswith(first)


@pytest.mark.parametrize(
    ("on_existing", "reason"),
    [
        ("reissue", "on_existing is reissue"),
        ("reuse", "rows have changed, or another prospect of their connection gets one"),
    ],
)
def test_its_warning_says_why_links_are_replaced(on_existing: str, reason: str) -> None:
    body = render(APPROVAL["body"], {**PLAN, "revocations": 1}, on_existing=on_existing)
    assert f"because\n{reason}." in body


def test_seconds_that_are_not_known_are_called_unknown() -> None:
    assert "| Seconds at the pool's rate | unknown |" in render(APPROVAL["body"], {**PLAN, "seconds": None})


def test_the_notice_of_an_approval_says_where_to_answer() -> None:
    assert render(APPROVAL_NOTICE["text"], PLAN).splitlines() == [
        "Prospects: 9, organizations: 4, to create: 5, to reuse: 4, to replace: 0, invalid rows: 2.",
        "Approve or reject: https://airflow/dags/create_sso_tickets/runs/<run>/tasks/approve/required_actions",
        "All rows: https://airflow/sso-tickets/runs/create_sso_tickets/<run>/rows",
    ]


@pytest.mark.parametrize(
    ("counts", "subject", "line"),
    [
        ({"created": 2, "reused": 1}, "complete", "3 rows, 2 created, 1 reused"),
        ({"created": 2, "failed": 1}, "not complete", "3 rows, 2 created, 1 failed"),
        ({"not_attempted": 2, "invalid": 1}, "not complete", "3 rows, 2 not attempted, 1 invalid"),
        ({"revoked": 1, "replaced": 1, "expired": 1}, "complete", "3 rows, 1 revoked, 1 replaced, 1 expired"),
    ],
)
def test_the_notice_of_an_outcome_has_counts_and_the_reports_address(
    counts: dict[str, int], subject: str, line: str
) -> None:
    exported = {"report_uri": "reports", "summary": {**COUNTS, **counts, "rows": 3}, "errors": ["row 1: secret"]}
    assert render(OUTCOME_NOTICE["subject"], exported) == f"create_sso_tickets: {subject}"
    assert render(OUTCOME_NOTICE["text"], exported).splitlines() == [
        "Run &lt;run&gt;",
        line,
        "Report: https://airflow/sso-tickets/reports/create_sso_tickets/<run>",
    ]


def test_the_notice_of_a_run_without_a_report_leads_to_the_run() -> None:
    assert render(OUTCOME_NOTICE["subject"], None) == "create_sso_tickets: failed, there is no report"
    assert render(OUTCOME_NOTICE["text"], None).endswith("https://airflow/dags/create_sso_tickets/runs/<run>")


MAIL_PLAN = {"invitation": 5, "replacement": 2, "reminder": 1, "none": 9}


def test_the_question_about_mails_shows_how_many_of_each_kind() -> None:
    line = "New links: 5, links in place of earlier ones: 2, reminders: 1"
    assert render(MAIL_APPROVAL["subject"], MAIL_PLAN) == f"Mail SSO links? {line}"
    assert render(MAIL_APPROVAL_NOTICE["text"], MAIL_PLAN).startswith(f"{line}.\nApprove or reject: https://airflow/")
    lines = render(MAIL_APPROVAL["body"], MAIL_PLAN).strip().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert lines[: len(table)] == table, "it begins the text: else Markdown needs an empty line before it"
    assert [line.rpartition(" | ")[2] for line in table[2:]] == ["5 |", "2 |", "1 |", "9 |"]


@pytest.mark.parametrize(
    ("counts", "subject", "line"),
    [
        ({"sent": 2, "skipped": 1}, "complete", "3 rows, 2 sent, 1 skipped"),
        ({"sent": 2, "refused": 1}, "complete", "3 rows, 2 sent, 1 refused"),
        ({"sent": 2, "failed": 1}, "not complete", "3 rows, 2 sent, 1 failed"),
        ({"sent": 2, "possibly_sent": 1}, "not complete", "3 rows, 2 sent, 1 possibly sent"),
    ],
)
def test_the_notice_of_a_run_that_mails_has_counts(counts: dict[str, int], subject: str, line: str) -> None:
    summary = {**dict.fromkeys(map(str, DeliveryStatus), 0), **counts, "rows": 3}
    exported = {"report_uri": "reports", "summary": summary, "errors": ["it@acme.example: secret"]}
    assert render(MAIL_NOTICE["subject"], exported).endswith(f": {subject}")
    assert line in render(MAIL_NOTICE["text"], exported).splitlines()
    assert "secret" not in render(MAIL_NOTICE["text"], exported)


def test_the_notice_of_a_run_without_a_report_of_mails_says_so() -> None:
    assert render(MAIL_NOTICE["subject"], None).endswith(": failed, there is no report")
