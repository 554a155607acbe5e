"""The content of the page, for tickets, for revocations and for setups."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from auth0_sso.models import LinkState, RevocationStatus, SetupState, TicketStatus

from include.reports.cells import printable
from include.reports.charts.funnel import funnel_steps
from include.reports.charts.organizations import organization_chart
from include.reports.charts.request_rate import rate_chart
from include.reports.setups import SetupProblem
from include.reports.summary import count_statuses
from include.reports.webpage.page import Page, Task
from include.reports.webpage.rows import PageRow
from include.reports.wording import (
    DUPLICATE_POSSIBLE,
    REPLACED,
    REVOCATION_REMEDIES,
    SETUP_REMEDIES,
    TICKET_REMEDIES,
    Remedy,
    duration_text,
    plural,
    revocation_headline,
    setup_headline,
    ticket_headline,
    utc_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from auth0_sso.models import Funnel, Outcome, RevocationOutcome

    from include.reports.setups import SetupRow
    from include.reports.summary import AnyOutcome, RunInfo

    Row = TypeVar("Row", Outcome, RevocationOutcome)

_TICKET_CELLS = attrgetter(
    "row", "organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name", "status",
    "ticket_url", "expires_at", "duplicate_possible", "error",
)  # fmt: skip
_DEAD_LINK_TEXTS = {LinkState.USED_UP: "The link is used up.", LinkState.EXPIRED: "The link has expired."}
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


def setup_page(rows: Sequence[SetupRow], funnel: Funnel, run: RunInfo) -> Page:
    """Show how far each prospect's setup has come, without any ticket URL."""
    counts = count_statuses(rows, SetupState)
    tasks = _setup_tasks(rows, counts)
    return Page(
        title="Setups of single sign-on",
        headline=setup_headline(counts, len(rows)),
        tone="warn" if tasks or run.warnings else "good",
        facts=_facts(run),
        counts=counts,
        tasks=tasks,
        warnings=run.warnings,
        organizations=organization_chart(rows, tuple(SetupState), title="Setups by organization"),
        rate=rate_chart(run.samples),
        rows=[_setup_row(number, row) for number, row in enumerate(rows, start=1)],
        has_links=False,
        time_title="Last opened",
        table_name="setups",
        error_title="Details",
        funnel=funnel_steps(funnel),
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
    errors = [row.error for _, row in concerned if row.status == status]
    return _task_about(status, remedy, [number for number, _ in concerned], errors, filter_by=status)


def _task_about(status: str, remedy: Remedy, numbers: Sequence[int], errors: Iterable[str], *, filter_by: str) -> Task:
    frequent = Counter(filter(None, errors)).most_common(_ERRORS_NAMED)
    return Task(
        status=status,
        filter=filter_by,
        count=len(numbers),
        title=f"{plural(len(numbers), 'row')} {remedy.title}",
        text=remedy.text,
        rows=numbers[:_ROWS_NAMED],
        more=max(len(numbers) - _ROWS_NAMED, 0),
        errors=[(printable(error, _MAX_ERROR_CHARACTERS), count) for error, count in frequent],
    )


def _setup_tasks(rows: Sequence[SetupRow], states: Mapping[str, int]) -> list[Task]:
    by_problem: dict[SetupProblem, dict[int, SetupRow]] = {problem: {} for problem in SETUP_REMEDIES}
    for number, row in enumerate(rows, start=1):
        if row.problem:
            by_problem[row.problem][number] = row
    return [
        _task_about(
            problem,
            _with_longest_wait(SETUP_REMEDIES[problem], concerned.values()),
            list(concerned),
            [row.last_failure for row in concerned.values()],
            # The table's filter knows the states of setups, not every problem.
            filter_by=problem if problem in states else "",
        )
        for problem, concerned in by_problem.items()
        if concerned
    ]


def _with_longest_wait(remedy: Remedy, rows: Iterable[SetupRow]) -> Remedy:
    since = min((row.waiting_since for row in rows if row.waiting_since), default="")
    return replace(remedy, text=f"{remedy.text} The longest wait began on {utc_text(since)}.") if since else remedy


def _replaced_task(run: RunInfo) -> Task:
    return Task(
        status="created",
        filter="created",
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


def _setup_row(number: int, row: SetupRow) -> PageRow:
    return PageRow(
        number=number,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        prospect_name=row.prospect_name,
        prospect_email=row.prospect_email,
        connection_name=row.connection_name,
        status=row.setup,
        ticket_url="",
        time=row.last_opened_at,
        duplicate_possible=False,
        error="\n".join(_setup_details(row)),
    )


def _setup_details(row: SetupRow) -> Iterator[str]:
    """Yield why a setup does not go on, as far as its state does not tell."""
    if row.problem == SetupProblem.DEAD_LINK:
        yield _DEAD_LINK_TEXTS[row.link]
    if row.waiting_since:
        yield f"Waiting since {utc_text(row.waiting_since)}."
    if row.last_failure and row.setup != SetupState.ENABLED:
        yield f"Last failure: {row.last_failure}"
    if row.note:
        yield row.note
