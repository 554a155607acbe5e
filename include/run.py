"""A run as a whole: its folder, the facts that its report shows, and whether it is complete."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from include import reports
from include.files import require_shared
from include.prospects.records import shown

if TYPE_CHECKING:
    from include.files import AnyPath

PROJECT = Path(__file__).resolve().parents[1]
_SHOWN_ERRORS = 5
_LONGEST_ERROR = 300
DEFAULT_REPORTS = os.environ.get("SSO_TICKETS_REPORTS") or "reports"
FEW_ORGANIZATIONS = 50
"""Up to so many organizations have a mapped task each, which shows them by name."""
SECONDS_A_TASK = 75.0
"""More organizations share tasks that work for so long, if there is enough to do: to start and end one costs its slot
one or two seconds."""
_UNKNOWN_SLOTS = 16


class Run(Protocol):
    """The part of a DAG run that is used here."""

    dag_id: str
    run_id: str
    start_date: datetime | None


class IncompleteRunError(ValueError):
    """The run has ended, and some of its rows have no final outcome; a retry of the check changes nothing."""


def absolute(uri: str) -> str:
    """Return a URI as it is, and a path, which may be relative to the project's folder, as an absolute path."""
    return uri if "://" in uri else str(PROJECT / os.path.expanduser(uri))


def run_folder(base: AnyPath, run: Run) -> AnyPath:
    """Return the folder of a run's report; UnsharedFolderError if other tasks can't see it."""
    require_shared(base)
    return reports.run_folder(base, run.dag_id, run.run_id)


@dataclass(frozen=True, slots=True)
class FanOut:
    """How many mapped tasks a run has at most, and why."""

    tasks: int
    reason: str


def choose_fan_out(
    items: int,
    requests: int,
    slots: int,
    requests_per_slot: float,
    *,
    given: float | None,
    longest: int,
    few: int = FEW_ORGANIZATIONS,
) -> FanOut:
    """
    Choose the number of mapped tasks: the fewest that keep every slot of the pool busy.

    :param items: what is divided among the tasks, organizations or tickets.
    :param requests: how many they take.
    :param slots: of the pool, 0 if unknown.
    :param requests_per_slot: requests a second of each slot.
    :param given: the parameter ``max_mapped_tasks``; None chooses.
    :param longest: the most tasks that Airflow maps.
    :param few: up to so many items have a task each.
    :raises ValueError: if ``given`` is more than Airflow maps.
    """
    if given is not None and given > longest:
        raise ValueError(
            f"max_mapped_tasks is {given}, but Airflow maps at most {longest} tasks. "
            f"Lower max_mapped_tasks to {longest} or less, or raise [core] max_map_length."
        )
    if given is not None:
        return FanOut(int(given), "at most max_mapped_tasks")  # Airflow's parameters take 16.0 for an integer
    known = slots or _UNKNOWN_SLOTS
    rounds = max(1, int(requests / (known * requests_per_slot) // SECONDS_A_TASK))
    tasks = min(known * rounds, longest)
    if items <= max(tasks, min(few, longest)):
        return FanOut(max(items, 1), "each has a task of its own")
    each = f"{rounds} for each slot" if rounds > 1 else "one for each slot"
    return FanOut(tasks, f"{each} of the pool, which has {slots or 'an unknown number of'} slots")


def run_info(
    run: Run,
    stats: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    *,
    tenant: str = "",
    replaced: Sequence[int] = (),
) -> reports.RunInfo:
    """
    Return the facts about a run that ends now, from the request counts of its tasks.

    :param replaced: rows that got a link in place of a valid one.
    """
    now = datetime.now(UTC)
    started = run.start_date or now
    return reports.RunInfo(
        dag_id=run.dag_id,
        run_id=run.run_id,
        started_at=_iso(started),
        finished_at=_iso(now),
        seconds=(now - started).total_seconds(),
        requests=sum(task["requests"] for task in stats),
        rate_limited=sum(task["rate_limited"] for task in stats),
        samples=reports.rate_samples(stats),
        warnings=warnings,
        tenant=tenant,
        replaced=len(replaced),
        replaced_rows=replaced,
    )


def first_errors(failed: Iterable[tuple[str, str]]) -> list[str]:
    """Return the errors of the first rows that failed, each after the row's name; ``failed`` has both."""
    return [f"{name}: {shown(error, _LONGEST_ERROR)}" for name, error in itertools.islice(failed, _SHOWN_ERRORS)]


def require_complete(exported: Mapping[str, Any] | None, advice: str = "Fix what their errors name.") -> None:
    """
    Check that every row of a run has a final outcome.

    :param exported: what the task that exports the report returned; None if it failed.
    :param advice: what to do about rows that failed.
    :raises IncompleteRunError: if a row is ``failed`` or ``not_attempted``, or there is no report.
    """
    if exported is None:
        raise IncompleteRunError("There is no report: see the log of the run's first failed task.")
    summary = exported["summary"]
    incomplete = {status: summary[status] for status in ("failed", "not_attempted") if summary[status]}
    if incomplete:
        counts = " and ".join(f"{count} {status.replace('_', ' ')}" for status, count in incomplete.items())
        numbers = ", ".join(map(str, summary["incomplete_rows"]))
        errors = "".join(f"\n{error}" for error in exported["errors"])
        more = ", …" if sum(incomplete.values()) > len(summary["incomplete_rows"]) else ""
        raise IncompleteRunError(
            f"{counts} of {summary['rows']} rows: the report says why, row by row: {exported['report_uri']} "
            f"(rows {numbers}{more}). {advice} Then clear the failed tasks or trigger another run: rows that are "
            f"done are not done again.{errors}"
        )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
