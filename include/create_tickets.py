"""The steps of a run that creates tickets, as plain functions: CSV → prospects → plan → tickets → report."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from include import reports
from include.files import PLAN_FOLDER, json_bytes, make_private, write_batches, write_checked
from include.prospects import (
    Prospects,
    clients_warning,
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
    "revocations",
    "requests",
    "mapped_tasks",
    "fan_out",
    "seconds",
    "links_not_in_ledger",
    "warnings",
)
LINKS_WORK_FOR = timedelta(seconds=MAX_TTL_SEC, hours=5)
"""A link can be opened for five days at most, and be used for five hours after that."""
_SHOWN_PROBLEMS = 20
_PLAN_FILE = "plan.json"
_NOT_ATTEMPTED = "Nothing was sent for this row: see the first failed task of the run."

log = logging.getLogger(__name__)


class InvalidRowsError(ValueError):
    """There are invalid rows, and ``on_invalid_rows`` is ``fail``."""


class NewLedgerError(ValueError):
    """The ledger is empty, but links exist: their prospects would get a second one."""


class ChangedFileError(ValueError):
    """A file of the run was changed by somebody else."""


class ReplaceLimitError(ValueError):
    """The run would revoke more valid links than ``replace_limit``."""


class Forecast(Protocol):
    """The part of what a run will do that its plan keeps; see ``auth0_sso.tickets.forecast``."""

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests each organization takes, by its id."""

    @property
    def tenant(self) -> str:
        """The tenant's domain."""

    @property
    def profile_id(self) -> str:
        """The self-service profile of rows that name none."""

    @property
    def revocations(self) -> Sequence[str]:
        """A line for each valid link that would be revoked, which names its row."""

    @property
    def has_default_clients(self) -> bool:
        """Whether rows that set no ``enabled_clients`` get some."""

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the reader."""

    def summary(self, tasks: int) -> dict[str, Any]:
        """Return it in numbers, for so many mapped tasks."""


@dataclass(frozen=True)
class Plan:
    """
    What the report of a run needs to know of its plan.

    :param tenant: the tenant's domain; ``profile_id`` is that of rows that name none. Both are empty without a plan.
    :param warnings: sentences for the reader.
    """

    tenant: str = ""
    profile_id: str = ""
    warnings: Sequence[str] = ()


def load(
    source: AnyPath | None, text: str, default_ttl_sec: int, folder: AnyPath, *, one_link_per_connection: bool = False
) -> dict[str, Any]:
    """
    Read and check the CSV, see :func:`load_prospects`, and write the manifest into the run's folder.

    :return: ``folder``, ``manifest``, ``sha256`` of it, and the counts ``rows``, ``valid``, ``invalid`` and
        ``organizations``.
    :raises ProspectsError: if the input can't be read as a whole.
    """
    found = load_prospects(
        source, text=text, default_ttl_sec=default_ttl_sec, one_link_per_connection=one_link_per_connection
    )
    for warning in found.warnings:
        log.warning(warning)
    for invalid in found.invalid[:_SHOWN_PROBLEMS]:
        log.warning("Invalid: %s", invalid.error)
    make_private(folder)
    return {"folder": str(folder), **write_manifest(found, folder), **found.counts()}


def read(manifest: AnyPath, sha256: str, *, on_invalid_rows: str = "skip") -> Prospects:
    """
    Read the manifest that ``load`` wrote.

    :raises ChangedFileError: if somebody has changed it since.
    :raises InvalidRowsError: if ``on_invalid_rows`` is ``fail`` and a row is invalid; lists the problems.
    """
    found = read_manifest(manifest, sha256)
    if on_invalid_rows == "fail" and found.invalid:
        problems = [str(problem) for row in found.invalid for problem in row.problems]
        more = len(problems) - _SHOWN_PROBLEMS
        lines = [f"{len(found.invalid)} rows are invalid and on_invalid_rows is 'fail', so nothing is sent:"]
        lines += problems[:_SHOWN_PROBLEMS]
        lines += [f"… and {more} more, see the report"] if more > 0 else []
        raise InvalidRowsError("\n".join([*lines, "Fix them in the CSV, or set on_invalid_rows to 'skip'."]))
    return found


def require_ledger(folder: AnyPath, ledger_is_empty: bool, params: Mapping[str, Any]) -> int:
    """
    Check that the ledger is not a new one in the place of one that knows links which may still work.

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


def require_few_revocations(revocations: Sequence[str], params: Mapping[str, Any]) -> None:
    """
    Check that the run revokes no more valid links than its ``replace_limit``.

    The log names the first of them. A dry run, and a run that waits for an approval, are not stopped.

    :param revocations: a line for each valid link, which names its row.
    :param params: the run's; ``replace_limit`` None means no limit, and so does ``on_existing`` ``reissue``.
    :raises ReplaceLimitError: lists the first links, and says what to do.
    """
    if not revocations:
        return
    limit = params["replace_limit"]
    more = len(revocations) - _SHOWN_PROBLEMS
    lines = [*revocations[:_SHOWN_PROBLEMS], *([f"… and {more} more"] if more > 0 else [])]
    first = f"Valid links, which customers may hold, that would be revoked: {len(revocations)}. replace_limit: {limit}."
    text = "\n".join([first, *lines])
    is_allowed = params["on_existing"] == "reissue" or limit is None or len(revocations) <= limit
    if not (is_allowed or params["require_approval"] or params["dry_run"]):
        raise ReplaceLimitError(
            f"{text}\nSo nothing was sent. If the rows are wrong, correct the CSV. If the links are to be replaced, "
            "trigger another run with a higher replace_limit, or with require_approval, and approve it."
        )
    log.warning(text)


def plan_warnings(found: Prospects, expected: Forecast) -> list[str]:
    """Return the sentences about a plan that whoever approves it, or reads its report, should know."""
    return [*expected.warnings, *clients_warning(found.valid, expected.has_default_clients)]


def plan(found: Prospects, fan_out: FanOut, expected: Forecast, folder: AnyPath) -> tuple[list[dict[str, str]], str]:
    """
    Divide the organizations among the mapped tasks, and keep what the report needs of the plan.

    :return: for each task its ``label`` and, as ``batch`` and ``sha256``, the path and digest of its batch file; then
        the digest of what is kept.
    """
    warnings = plan_warnings(found, expected)
    for warning in warnings:
        log.warning(warning)
    batches = write_batches(plan_batches(found, fan_out.tasks, expected.requests), folder)
    kept = Plan(expected.tenant, expected.profile_id, warnings)
    return batches, write_checked(folder / PLAN_FOLDER, _PLAN_FILE, json_bytes(kept))


def read_plan(folder: AnyPath, sha256: str | None) -> Plan:
    """
    Return what :func:`plan` kept in the run's folder.

    :param sha256: the digest that it returned; None if the last plan has failed, and an earlier one may be there.
    :raises ChangedFileError: if the file was changed since.
    """
    file = folder / PLAN_FOLDER / _PLAN_FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return Plan()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ChangedFileError(
            f"{file} is not as plan_fan_out wrote it. Find out who has changed it, and who may write to the run's "
            "folder. Then clear plan_fan_out and all that follows it."
        )
    return Plan(**json.loads(content))


def summarize_plan(
    found: Prospects,
    batches: Sequence[Mapping[str, str]],
    fan_out: FanOut,
    expected: Forecast,
    links_not_in_ledger: int,
    sha256: str,
) -> dict[str, Any]:
    """
    Return what the run is going to do, and log it.

    :param links_not_in_ledger: see :func:`require_ledger`.
    :param sha256: of what :func:`plan` has kept.
    :return: what the ledger says, ``prospects``, ``create``, ``reuse``, ``replace``, ``revocations``, ``requests`` and
        ``seconds``, which is None if unknown; ``organizations``, ``invalid``, ``warnings``, ``mapped_tasks``, and
        ``fan_out``, why there are so many. Prospects are counted, not rows: rows that repeat a prospect count once.
    """
    planned = {
        **expected.summary(len(batches)),
        "organizations": found.counts()["organizations"],
        "invalid": len(found.invalid),
        "mapped_tasks": len(batches),
        "fan_out": fan_out.reason,
        "links_not_in_ledger": links_not_in_ledger,
        "revocations": len(expected.revocations),
        "warnings": len(found.warnings) + len(plan_warnings(found, expected)),
    }
    log.info("The plan: %s", ", ".join(f"{name} {planned[name]}" for name in PLAN_FIELDS))
    return {**{name: planned[name] for name in PLAN_FIELDS}, "sha256": sha256}


def export(
    rows: Iterable[Mapping[str, Any]],
    warnings: Sequence[str],
    plan: Plan,
    outcomes: Iterable[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    folder: AnyPath,
    run: Run,
) -> dict[str, Any]:
    """
    Write the report of a run that ends now, with every input row exactly once.

    :param rows: the input rows and ``warnings``, see :func:`include.prospects.read_rows`.
    :param outcomes: the tasks' outcomes, with the report's columns and ``replaced``.
    :param stats: the request counts of each task, see :func:`include.reports.rate_samples`.
    :return: ``report_uri``, ``summary``, and ``errors``, the first ones in words; without any ticket.
    """
    found = list(outcomes)
    joined = reports.join_rows(rows, found, _NOT_ATTEMPTED)
    replaced = sorted(outcome["row"] for outcome in found if outcome.get("replaced"))
    info = run_info(run, stats, [*warnings, *plan.warnings], tenant=plan.tenant, replaced=replaced)
    summary = reports.write_report(folder, joined, info)
    errors = first_errors((f"row {row.row}", row.error) for row in joined if row.status == RowStatus.FAILED)
    return {"report_uri": str(folder), "summary": summary, "errors": errors}
