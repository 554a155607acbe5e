"""The steps of a run that creates tickets, as plain functions: CSV → prospects → plan → tickets → report."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include import reports
from include.files import make_private, write_batches
from include.prospects import (
    Prospects,
    load_prospects,
    plan_batches,
    read_manifest,
    write_manifest,
)
from include.prospects.schema.models import MAX_TTL_SEC
from include.reports.rows import RowStatus
from include.run import FanOut, Run, first_errors, run_info

if TYPE_CHECKING:
    from include.files import AnyPath

DEFAULT_PROSPECTS = os.environ.get("SSO_TICKETS_PROSPECTS") or "include/data/prospects.csv"
PLAN_FIELDS = (
    "prospects",
    "organizations",
    "invalid",
    "create",
    "reuse",
    "replace",
    "requests",
    "mapped_tasks",
    "fan_out",
    "seconds",
    "links_not_in_ledger",
)
LINKS_WORK_FOR = timedelta(seconds=MAX_TTL_SEC, hours=5)
"""A link can be opened for five days at most, and be used for five hours after that."""
_SHOWN_PROBLEMS = 20
_NOT_ATTEMPTED = "Nothing was sent for this row: see the first failed task of the run."

log = logging.getLogger(__name__)


class InvalidRowsError(ValueError):
    """There are invalid rows, and ``on_invalid_rows`` is ``fail``."""


class NewLedgerError(ValueError):
    """The ledger is empty, but links exist: their prospects would get a second one."""


def load(source: AnyPath | None, text: str, default_ttl_sec: int, folder: AnyPath) -> dict[str, Any]:
    """Read and check the CSV, see :func:`load_prospects`, and write the manifest into the run's folder.

    :return: ``folder``, ``manifest``, and the counts ``rows``, ``valid``, ``invalid``, ``organizations``.
    :raises ProspectsError: if the input can't be read as a whole.
    """
    found = load_prospects(source, text=text, default_ttl_sec=default_ttl_sec)
    for warning in found.warnings:
        log.warning(warning)
    for invalid in found.invalid[:_SHOWN_PROBLEMS]:
        log.warning("Invalid: %s", invalid.error)
    make_private(folder)
    return {"folder": str(folder), "manifest": write_manifest(found, folder), **found.counts()}


def read(manifest: AnyPath, *, on_invalid_rows: str = "skip") -> Prospects:
    """Read the manifest that ``load`` wrote.

    :raises InvalidRowsError: if ``on_invalid_rows`` is ``fail`` and a row is invalid; lists the problems.
    """
    found = read_manifest(manifest)
    if on_invalid_rows == "fail" and found.invalid:
        problems = [str(problem) for row in found.invalid for problem in row.problems]
        more = len(problems) - _SHOWN_PROBLEMS
        lines = [f"{len(found.invalid)} rows are invalid and on_invalid_rows is 'fail', so nothing is sent:"]
        lines += problems[:_SHOWN_PROBLEMS]
        lines += [f"… and {more} more, see the report"] if more > 0 else []
        raise InvalidRowsError("\n".join([*lines, "Fix them in the CSV, or set on_invalid_rows to 'skip'."]))
    return found


def require_ledger(folder: AnyPath, ledger_is_empty: bool, params: Mapping[str, Any]) -> int:
    """Check that the ledger is not a new one in the place of one that knows links which may still work.

    A dry run, and a run that waits for an approval, only log a warning.

    :param folder: the run's; the reports of earlier runs are beside it.
    :param params: the run's.
    :return: how many links the newest report lists that the ledger doesn't know, 0 if the ledger has entries.
    :raises NewLedgerError: says what to do.
    """
    found = reports.newest_links(folder.parent, LINKS_WORK_FOR) if ledger_is_empty else None
    if found is None:
        return 0
    text = (
        f"The ledger is empty, but the report in {found.folder}, of {found.finished_at}, lists {found.links} links "
        "that may still work. Their prospects would get a second link."
    )
    if not (params["require_approval"] or params["dry_run"]):
        raise NewLedgerError(
            f"{text} So nothing was sent. Restore the ledger from its backup, or correct the connection "
            "'sso_tickets_db' or SSO_TICKETS_LEDGER, so that it is found. To create new links all the same, trigger "
            "another run with require_approval, and approve it. If the report is of another tenant, move it away."
        )
    log.warning(text)
    return found.links


def plan(found: Prospects, fan_out: FanOut, requests: Mapping[str, int], folder: AnyPath) -> list[dict[str, str]]:
    """Divide the organizations among the mapped tasks.

    :param requests: how many requests each organization takes, by its id.
    :return: for each task its ``label`` and, as ``batch``, the path of its batch file.
    """
    return write_batches(plan_batches(found, fan_out.tasks, requests), folder)


def summarize_plan(
    loaded: Mapping[str, Any],
    batches: Sequence[Mapping[str, str]],
    fan_out: FanOut,
    expected: Mapping[str, Any],
    links_not_in_ledger: int,
) -> dict[str, Any]:
    """Return what the run is going to do, and log it.

    :param loaded: what ``load`` returned.
    :param expected: what the ledger says: ``prospects``, ``create``, ``reuse``, ``replace``, ``requests``, ``seconds``.
    :param links_not_in_ledger: see :func:`require_ledger`.
    :return: these, ``organizations``, ``invalid``, ``mapped_tasks``, and ``fan_out``, why there are so many. Prospects
        are counted, not rows: rows that repeat a prospect count once. ``seconds`` is None if unknown.
    """
    found = {"organizations": loaded["organizations"], "invalid": loaded["invalid"], "mapped_tasks": len(batches)}
    planned = {**expected, **found, "fan_out": fan_out.reason, "links_not_in_ledger": links_not_in_ledger}
    log.info("The plan: %s", ", ".join(f"{name} {planned[name]}" for name in PLAN_FIELDS))
    return {name: planned[name] for name in PLAN_FIELDS}


def export(
    rows: Iterable[Mapping[str, Any]],
    warnings: Sequence[str],
    outcomes: Iterable[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    folder: AnyPath,
    run: Run,
) -> dict[str, Any]:
    """Write the report of a run that ends now, with every input row exactly once.

    :param rows: the input rows and ``warnings``, see :func:`include.prospects.read_rows`.
    :param outcomes: the tasks' outcomes, with the report's columns.
    :param stats: the request counts of each task, see :func:`include.reports.rate_samples`.
    :return: ``report_uri``, ``summary``, and ``errors``, the first ones in words; without any ticket.
    """
    joined = reports.join_rows(rows, outcomes, _NOT_ATTEMPTED)
    summary = reports.write_report(folder, joined, run_info(run, stats, warnings))
    errors = first_errors((f"row {row.row}", row.error) for row in joined if row.status == RowStatus.FAILED)
    return {"report_uri": str(folder), "summary": summary, "errors": errors}
