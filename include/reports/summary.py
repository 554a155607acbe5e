"""The numbers of a run, for ``summary.json``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from auth0_sso.models import DeliveryStatus, SetupState, iso

from include.reports.charts.rate_samples import rate_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auth0_sso.models import Funnel, MailOutcome, Outcome, RevocationOutcome, TaskStats

    from include.folders import Run
    from include.reports.charts.rate_samples import RateSample

    AnyOutcome: TypeAlias = Outcome | RevocationOutcome

_MAX_ROWS_NAMED = 20


class ReportRow(Protocol):
    """What the rows of all reports have."""

    @property
    def organization_id(self) -> str:
        """Auth0's id; empty if it is not known."""

    @property
    def organization_name(self) -> str:
        """The name for people."""

    @property
    def status(self) -> str:
        """What the report counts its rows by."""

    @property
    def needs_work(self) -> bool:
        """Whether a person has to do something about the row."""


@dataclass(frozen=True)
class RunInfo:
    """
    The run as a whole.

    :param started_at: ISO 8601 in UTC; so is ``finished_at``.
    :param seconds: the run's duration.
    :param requests: requests that the mapped tasks sent to the Management API, in all their tries; only a try that
        was killed is not counted.
    :param rate_limited: how many of them got a 429.
    :param samples: see :func:`include.reports.charts.rate_samples.rate_samples`.
    :param warnings: sentences for the reader, shown as they are.
    :param tenant: the tenant's domain; empty if the run ended before it was known.
    :param replaced: how many rows got a link in place of a valid one; ``replaced_rows`` are the first of them.
    """

    dag_id: str
    run_id: str
    started_at: str
    finished_at: str
    seconds: float
    requests: int = 0
    rate_limited: int = 0
    samples: Sequence[RateSample] = ()
    warnings: Sequence[str] = ()
    tenant: str = ""
    replaced: int = 0
    replaced_rows: Sequence[int] = ()


def run_info(
    run: Run,
    stats: Sequence[TaskStats],
    warnings: Sequence[str],
    *,
    tenant: str = "",
    replaced: Sequence[int] = (),
) -> RunInfo:
    """
    Return the facts about a run that ends now.

    :param stats: what each try of its tasks has sent.
    :param replaced: rows that got a link in place of a valid one.
    """
    now = datetime.now(UTC)
    started = run.start_date or now
    return RunInfo(
        dag_id=run.dag_id,
        run_id=run.run_id,
        started_at=iso(started.timestamp()),
        finished_at=iso(now.timestamp()),
        seconds=(now - started).total_seconds(),
        requests=sum(task.requests for task in stats),
        rate_limited=sum(task.rate_limited for task in stats),
        samples=rate_samples(stats),
        warnings=warnings,
        tenant=tenant,
        replaced=len(replaced),
        replaced_rows=replaced,
    )


def count_statuses(rows: Iterable[ReportRow], statuses: Iterable[str]) -> dict[str, int]:
    """Return the number of rows of each status, zero or not."""
    counts: Counter[str] = Counter(row.status for row in rows)
    return {str(status): counts[status] for status in statuses}


def summarize(
    rows: Sequence[AnyOutcome], statuses: Iterable[str], run: RunInfo, files: Mapping[str, str]
) -> dict[str, Any]:
    """Return the numbers of a run as a flat mapping; ``files`` are the paths of the report's files, by name."""
    incomplete = [getattr(row, "row", number) for number, row in enumerate(rows, 1) if row.is_incomplete]
    numbers = {
        "replaced": run.replaced,
        **count_statuses(rows, statuses),
        "replaced_rows": list(run.replaced_rows[:_MAX_ROWS_NAMED]),
        "duplicate_possible": sum(getattr(row, "duplicate_possible", False) for row in rows),
        "incomplete_rows": incomplete[:_MAX_ROWS_NAMED],
    }
    return _with_run(numbers, rows, run, files)


def summarize_setups(
    rows: Sequence[ReportRow], funnel: Funnel, run: RunInfo, files: Mapping[str, str]
) -> dict[str, Any]:
    """
    Return the numbers of a run that follows setups.

    :return: ``setups`` has the rows of each state, ``funnel`` the fields of the funnel; its medians are in seconds, or
        None.
    """
    numbers = {"funnel": asdict(funnel), "setups": count_statuses(rows, SetupState)}
    return _with_run(numbers, rows, run, files)


def summarize_deliveries(rows: Sequence[MailOutcome], run: RunInfo, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the numbers of a run that mails links, with a count for each status."""
    return _with_run(count_statuses(rows, DeliveryStatus), rows, run, files)


def _with_run(
    numbers: Mapping[str, Any], rows: Sequence[ReportRow], run: RunInfo, files: Mapping[str, str]
) -> dict[str, Any]:
    """Return the numbers of the rows amid what every summary tells of its run."""
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "tenant": run.tenant,
        "rows": len(rows),
        "organizations": len({row.organization_id for row in rows if row.organization_id}),
        **numbers,
        "requests": run.requests,
        "rate_limited": run.rate_limited,
        "seconds": round(run.seconds, 3),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "files": dict(files),
        "warnings": list(run.warnings),
    }
