"""The steps of a run that creates tickets, as plain functions: file → prospects → plan → tickets → report."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auth0_sso.models import (
    MAX_TTL_SEC,
    OPEN_SECONDS,
    Forecast,
    Outcome,
    TaskStats,
    TicketStatus,
    first_errors,
    first_lines,
)

from include import reports
from include.check_outcome import Exported
from include.fan_out import FanOut
from include.files import PLAN_FOLDER, json_bytes, make_private, read_checked, write_batches, write_checked
from include.prospects import (
    InputRows,
    Prospects,
    ReadOptions,
    clients_warning,
    load_prospects,
    plan_batches,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    from include.files import AnyPath
    from include.folders import Run

DEFAULT_PROSPECTS = os.environ.get("SSO_TICKETS_PROSPECTS") or "include/data/prospects.csv"
LINKS_WORK_FOR = timedelta(seconds=MAX_TTL_SEC + OPEN_SECONDS)
"""A link can be opened for five days at most, and be used for five hours after that."""
_MAX_SHOWN_PROBLEMS = 20
_PLAN_FILE = "plan.json"
_NOT_ATTEMPTED = "Nothing was sent for this row: see the first failed task of the run."

log = logging.getLogger(__name__)


class InvalidRowsError(ValueError):
    """There are invalid rows, and ``on_invalid_rows`` is ``fail``."""


class NewLedgerError(ValueError):
    """The ledger is empty, but links exist: their prospects would get a second one."""


class ReplaceLimitError(ValueError):
    """The run would revoke more valid links than ``replace_limit``."""


@dataclass(frozen=True)
class Loaded:
    """
    What the task that reads the file returns: where its manifest is, and how many rows there are.

    :param folder: of the run's files.
    :param sha256: of the manifest.
    :param organizations: of the valid rows.
    """

    folder: str
    manifest: str
    sha256: str
    rows: int
    valid: int
    invalid: int
    organizations: int


@dataclass(frozen=True)
class Plan:
    """
    The numbers of what a run is going to do; a prospect counts once, also if several rows name it.

    :param create: links to create; so with ``edit``, to finish a connection, ``reuse`` and ``replace``.
    :param finished: prospects who need none; ``conflict``: those whose connection exists, and who get none.
    :param invalid: rows that are left out.
    :param revocations: valid links that are revoked.
    :param fan_out: why there are as many ``mapped_tasks``.
    :param seconds: at the pool's rate; None if the pool's slots are not known.
    :param links_not_in_ledger: see :func:`require_ledger`.
    :param warnings: how many there are in the log.
    :param sha256: of what the report needs of the plan, see :class:`PlanForReport`.
    """

    prospects: int
    organizations: int
    invalid: int
    create: int
    edit: int
    reuse: int
    replace: int
    finished: int
    conflict: int
    revocations: int
    requests: int
    mapped_tasks: int
    fan_out: str
    seconds: float | None
    links_not_in_ledger: int
    warnings: int
    sha256: str


@dataclass(frozen=True)
class PlanForReport:
    """
    What the report of a run needs to know of its plan.

    :param tenant: the tenant's domain; ``profile_id`` is that of rows that name none. Both are empty without a plan.
    :param warnings: sentences for the reader.
    """

    tenant: str = ""
    profile_id: str = ""
    warnings: Sequence[str] = ()


def load(source: AnyPath | None, folder: AnyPath, params: Mapping[str, Any]) -> Loaded:
    """
    Read and check the input, see :func:`load_prospects`, and write the manifest into the run's folder.

    :param params: the run's.
    :raises ProspectsError: if the input can't be read as a whole.
    """
    found = load_prospects(
        source,
        text=params["prospects_csv"] or "",
        options=ReadOptions.of(params),
        default_ttl_sec=params["ttl_sec"],
        one_link_per_connection=params["one_link_per_connection"],
    )
    for warning in found.warnings:
        log.warning(warning)
    for invalid in found.invalid[:_MAX_SHOWN_PROBLEMS]:
        log.warning("Invalid: %s", invalid.error)
    make_private(folder)
    manifest, sha256 = write_manifest(found, folder)
    return Loaded(str(folder), manifest, sha256, **found.counts())


def read(manifest: AnyPath, sha256: str, *, on_invalid_rows: str = "skip") -> Prospects:
    """
    Read the manifest that ``load`` wrote.

    :raises ChangedFileError: if somebody has changed it since.
    :raises InvalidRowsError: if ``on_invalid_rows`` is ``fail`` and a row is invalid; lists the problems.
    """
    found = read_manifest(manifest, sha256)
    if on_invalid_rows == "fail" and found.invalid:
        problems = [str(problem) for row in found.invalid for problem in row.problems]
        lines = "\n".join(first_lines(problems, _MAX_SHOWN_PROBLEMS))
        raise InvalidRowsError(
            f"{len(found.invalid)} rows are invalid and on_invalid_rows is 'fail', so nothing is sent:\n{lines}\n"
            "Fix them in the file, or set on_invalid_rows to 'skip'."
        )
    return found


def require_ledger(folder: AnyPath, expected: Forecast, params: Mapping[str, Any]) -> int:
    """
    Check that the ledger is not a new one in the place of one that knows links which may still work.

    A dry run, and a run that waits for an approval, only log a warning.

    :param folder: the run's; the reports of earlier runs are beside it.
    :param params: the run's.
    :return: how many links the newest report lists that the ledger doesn't know, 0 if the ledger has entries.
    :raises NewLedgerError: says what to do.
    """
    if not expected.ledger_is_empty:
        return 0
    found = reports.newest_links(folder.parent, expected.tenant, LINKS_WORK_FOR)
    if found is None:
        return 0
    text = (
        f"The ledger is empty, but the report in {found.folder}, of {found.finished_at}, lists {found.links} links "
        f"of the tenant {expected.tenant} that may still work. Their prospects would get a second link."
    )
    if not (params["require_approval"] or params["dry_run"]):
        raise NewLedgerError(
            f"{text} So nothing was sent. Restore the ledger from its backup, or correct the connection "
            "'sso_tickets_db' or SSO_TICKETS_LEDGER, so that it is found. To create new links all the same, trigger "
            "another run with require_approval, and approve it."
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
    lines = "\n".join(first_lines(revocations, _MAX_SHOWN_PROBLEMS))
    text = (
        f"Valid links, which customers may hold, that would be revoked: {len(revocations)}. replace_limit: {limit}.\n"
        f"{lines}"
    )
    is_allowed = params["on_existing"] == "reissue" or limit is None or len(revocations) <= limit
    if not (is_allowed or params["require_approval"] or params["dry_run"]):
        raise ReplaceLimitError(
            f"{text}\nSo nothing was sent. If the rows are wrong, correct the file. If the links are to be replaced, "
            "trigger another run with a higher replace_limit, or with require_approval, and approve it."
        )
    log.warning(text)


def plan(
    found: Prospects, fan_out: FanOut, expected: Forecast, folder: AnyPath, links_not_in_ledger: int = 0
) -> tuple[list[dict[str, str]], Plan]:
    """
    Divide the organizations among the mapped tasks, log what the run is going to do, and keep it for the report.

    :param links_not_in_ledger: see :func:`require_ledger`.
    :return: for each task its ``label`` and, as ``batch`` and ``sha256``, the path and digest of its batch file; then
        the plan's numbers.
    """
    warnings = [*expected.warnings, *clients_warning(found.valid, expected.has_default_clients)]
    for warning in warnings:
        log.warning(warning)
    batches = write_batches(plan_batches(found, fan_out.tasks, expected.requests), folder)
    kept = PlanForReport(expected.tenant, expected.profile_id, warnings)
    sha256 = write_checked(folder / PLAN_FOLDER, _PLAN_FILE, json_bytes(kept))
    seconds = expected.capacity.seconds(expected.counts.requests, len(batches))
    planned = Plan(
        prospects=expected.counts.prospects,
        organizations=found.counts()["organizations"],
        invalid=len(found.invalid),
        create=expected.counts.create,
        edit=expected.counts.edit,
        reuse=expected.counts.reuse,
        replace=expected.counts.replace,
        finished=expected.counts.finished,
        conflict=expected.counts.conflict,
        revocations=len(expected.revocations),
        requests=expected.counts.requests,
        mapped_tasks=len(batches),
        fan_out=fan_out.reason,
        seconds=None if seconds is None else round(seconds, 1),
        links_not_in_ledger=links_not_in_ledger,
        warnings=len(found.warnings) + len(warnings),
        sha256=sha256,
    )
    numbers = [f"{name} {value}" for name, value in asdict(planned).items() if name != "sha256"]
    log.info("The plan: %s", ", ".join(numbers))
    return batches, planned


def read_plan(folder: AnyPath, sha256: str | None) -> PlanForReport:
    """
    Return what :func:`plan` kept in the run's folder.

    :param sha256: see :class:`Plan`; None if the last plan has failed, and an earlier one may be there.
    :raises ChangedFileError: if the file was changed since.
    """
    try:
        content = read_checked(folder / PLAN_FOLDER / _PLAN_FILE, sha256, "plan_fan_out")
    except FileNotFoundError:
        return PlanForReport()
    return PlanForReport(**json.loads(content))


def export(
    rows: InputRows,
    planned: PlanForReport,
    outcomes: Sequence[Outcome],
    replaced: Sequence[int],
    stats: Sequence[TaskStats],
    folder: AnyPath,
    run: Run,
) -> Exported:
    """
    Write the report of a run that ends now, with every input row exactly once.

    :param outcomes: of the rows of which something is known.
    :param replaced: rows that got a link in place of a valid one.
    :param stats: what each try of the tasks has sent.
    """
    joined = reports.join_rows(rows.requests, rows.invalid, outcomes, _NOT_ATTEMPTED)
    warnings = [*rows.warnings, *planned.warnings]
    info = reports.run_info(run, stats, warnings, tenant=planned.tenant, replaced=replaced)
    summary = reports.write_report(folder, joined, info)
    failed = ((f"row {row.row}", row.error) for row in joined if row.status == TicketStatus.FAILED)
    return Exported(str(folder), summary, first_errors(failed))
