"""The content of the page, for tickets and for revocations."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING

from auth0_sso.models import RevocationStatus, TicketStatus

from include.reports.cells import printable
from include.reports.charts.organizations import organization_chart
from include.reports.charts.request_rate import rate_chart
from include.reports.summary import count_statuses
from include.reports.webpage.page import Page, Task
from include.reports.webpage.rows import PageRow
from include.reports.wording import (
    DUPLICATE_POSSIBLE,
    REPLACED,
    REVOCATION_REMEDIES,
    TICKET_REMEDIES,
    Remedy,
    duration_text,
    plural,
    revocation_headline,
    ticket_headline,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeVar

    from auth0_sso.models import Outcome, RevocationOutcome

    from include.reports.summary import AnyOutcome, RunInfo

    Row = TypeVar("Row", Outcome, RevocationOutcome)

_TICKET_CELLS = attrgetter(
    "row", "organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name", "status",
    "ticket_url", "expires_at", "duplicate_possible", "error",
)  # fmt: skip
_ROWS_NAMED = 12
_ERRORS_NAMED = 3
_MAX_ERROR_CHARACTERS = 600


def ticket_page(rows: Sequence[Outcome], run: RunInfo) -> Page:
    """Show the outcome of each row of the CSV."""
    counts = count_statuses(rows, tuple(TicketStatus))
    tasks = _tasks(((row.row, row) for row in rows), TICKET_REMEDIES)
    twice = [(row.row, row) for row in rows if row.duplicate_possible]
    if twice:
        tasks.append(_task("duplicate", DUPLICATE_POSSIBLE, twice))
    if run.replaced:
        tasks.append(_replaced_task(run))
    expiries = [row.expires_at for row in rows if row.ticket_url and row.expires_at]
    return Page(
        title="Self-service SSO links",
        headline=ticket_headline(counts, len(rows)),
        tone=_tone(tasks, run),
        facts=_facts(run, first_expiry=min(expiries, default="")),
        counts=counts,
        tasks=tasks,
        warnings=run.warnings,
        organizations=organization_chart(rows, tuple(TicketStatus)),
        rate=rate_chart(run.samples),
        rows=[PageRow(*cells) for cells in map(_TICKET_CELLS, rows)],
        has_links=any(row.ticket_url for row in rows),
        time_title="Expires",
        table_name="tickets",
    )


def revocation_page(rows: Sequence[RevocationOutcome], run: RunInfo) -> Page:
    """Show the outcome of each selected ticket, without any ticket URL."""
    counts = count_statuses(rows, tuple(RevocationStatus))
    numbered = list(enumerate(rows, start=1))
    tasks = _tasks(numbered, REVOCATION_REMEDIES)
    return Page(
        title="Revoked SSO links",
        headline=revocation_headline(counts, len(rows)),
        tone=_tone(tasks, run),
        facts=_facts(run),
        counts=counts,
        tasks=tasks,
        warnings=run.warnings,
        organizations=organization_chart(rows, tuple(RevocationStatus)),
        rate=rate_chart(run.samples),
        rows=[_revocation_row(number, row) for number, row in numbered],
        has_links=False,
        time_title="Revoked",
        table_name="revocations",
    )


def _tone(tasks: Sequence[Task], run: RunInfo) -> str:
    kinds = {task.status for task in tasks}
    if kinds & {"failed", "not_attempted"}:
        return "bad"
    # A prospect whose connection exists is set up; that alone needs no warning.
    return "warn" if kinds - {"conflict"} or run.warnings else "good"


def _facts(run: RunInfo, first_expiry: str = "") -> list[tuple[str, str]]:
    facts = [
        ("Started", utc_text(run.started_at)),
        ("Duration", duration_text(run.seconds)),
        ("Requests", f"{run.requests:,}"),
        ("Refused by the rate limit", f"{run.rate_limited:,}"),
        ("First link expires", utc_text(first_expiry)),
        ("Run", run.run_id),
    ]
    return [(label, value) for label, value in facts if value]


def _tasks(numbered: Iterable[tuple[int, Row]], remedies: Mapping[str, Remedy]) -> list[Task]:
    by_status: dict[str, list[tuple[int, Row]]] = {status: [] for status in remedies}
    for number, row in numbered:
        if row.status in by_status:
            by_status[row.status].append((number, row))
    return [_task(status, remedies[status], concerned) for status, concerned in by_status.items() if concerned]


def _task(status: str, remedy: Remedy, concerned: Sequence[tuple[int, AnyOutcome]]) -> Task:
    errors = Counter(row.error for _, row in concerned if row.error and row.status == status)
    return Task(
        status=status,
        count=len(concerned),
        title=f"{plural(len(concerned), 'row')} {remedy.title}",
        text=remedy.text,
        rows=[number for number, _ in concerned[:_ROWS_NAMED]],
        more=max(len(concerned) - _ROWS_NAMED, 0),
        errors=[(printable(error, _MAX_ERROR_CHARACTERS), count) for error, count in errors.most_common(_ERRORS_NAMED)],
    )


def _replaced_task(run: RunInfo) -> Task:
    return Task(
        status="created",
        count=run.replaced,
        title=f"{plural(run.replaced, 'row')} {REPLACED.title}",
        text=REPLACED.text,
        rows=run.replaced_rows[:_ROWS_NAMED],
        more=max(run.replaced - _ROWS_NAMED, 0),
        errors=[],
    )


def _revocation_row(number: int, row: RevocationOutcome) -> PageRow:
    return PageRow(
        number=number,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        prospect_name=row.prospect.removesuffix(f"|{row.connection_name}"),
        prospect_email="",
        connection_name=row.connection_name,
        status=row.status,
        ticket_url="",
        time=row.revoked_at,
        duplicate_possible=False,
        error=row.error,
    )
