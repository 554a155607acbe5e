"""The table for a terminal shows outcomes as plain text, and no ticket."""

from __future__ import annotations

import io

from auth0_sso.models import Outcome, TicketStatus
from rich.console import Console

from dev.local.terminal.outcome_table import MAX_ROWS, outcome_table


def shown(rows: list[Outcome], width: int = 120) -> str:
    summary = {status: sum(row.status == status for row in rows) for status in tuple(TicketStatus)}
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=False).print(outcome_table(summary, rows))
    return stream.getvalue()


def created(row: int, name: str = "Acme") -> Outcome:
    url = f"https://tenant.example.com/self-service/connections-flow?ticket=s3cr3t{row}"
    return Outcome(
        row=row,
        organization_id="org_1",
        organization_name=name,
        prospect_name="Ada",
        prospect_email="",
        connection_name="acme",
        status="created",
        ticket_url=url,
        ticket_id=f"s3cr3t{row}",
    )


def test_each_prospect_has_a_line_without_its_ticket_and_the_totals_are_below() -> None:
    text = shown(
        [
            created(1),
            Outcome(
                row=2, organization_id="org_2", organization_name="Globex", status="failed", duplicate_possible=True
            ),
        ],
        width=400,
    )
    assert "1 of 2 prospects has a link" in text
    assert "1 created, 1 failed" in text
    assert "failed (twice?)" in text
    assert "s3cr3t" not in text
    assert "http" not in text


def test_names_can_neither_style_the_terminal_nor_break_the_table() -> None:
    assert "[bold]A[/] \ufffd[31m B" in shown([created(1, name="[bold]A[/] \x1b[31m\nB")])


def test_of_many_rows_those_that_need_work_are_shown_and_the_others_counted() -> None:
    rows = [created(number) for number in range(1, 100)] + [
        Outcome(row=100, organization_id="org_9", organization_name="Globex", status="failed")
    ]
    text = shown(rows)
    assert "Globex" in text
    assert f"{100 - MAX_ROWS} more rows in tickets.csv" in text
