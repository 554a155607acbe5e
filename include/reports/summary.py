"""The run in numbers: ``summary.json``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.reports.charts.rate_samples import RateSample


@dataclass(frozen=True)
class RunInfo:
    """What the report says of the run as a whole.

    :param started_at: ISO 8601 in UTC; so is ``finished_at``.
    :param seconds: how long the run took.
    :param requests: requests that the mapped tasks sent to the Management API, in all their tries; only a try that
        was killed outright isn't counted.
    :param rate_limited: how many of them were answered with 429.
    :param samples: see :func:`include.reports.charts.rate_samples.rate_samples`.
    :param warnings: sentences for the reader, shown as they are.
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


class Outcome(Protocol):
    """What a ticket's row and a revocation's row have in common."""

    @property
    def organization_id(self) -> str:
        """Auth0's id of the organization, or empty."""

    @property
    def organization_name(self) -> str:
        """Its name, or empty."""

    @property
    def status(self) -> str:
        """What became of the row."""

    @property
    def error(self) -> str:
        """Why, when something is wrong."""

    @property
    def needs_work(self) -> bool:
        """Whether somebody has to do something."""


def summarize(
    rows: Sequence[Outcome], statuses: Sequence[str], run: RunInfo, files: Mapping[str, str]
) -> dict[str, Any]:
    """Count.

    :param statuses: every one of them becomes a key, zero or not.
    :param files: the report's files, name → path.
    :return: the content of ``summary.json``, a flat mapping.
    """
    counts = Counter(row.status for row in rows)
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "rows": len(rows),
        "organizations": len({row.organization_id for row in rows if row.organization_id}),
        **{status: counts[status] for status in statuses},
        "duplicate_possible": sum(getattr(row, "duplicate_possible", False) for row in rows),
        "requests": run.requests,
        "rate_limited": run.rate_limited,
        "seconds": round(run.seconds, 3),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "files": dict(files),
        "warnings": list(run.warnings),
    }
