"""How far a run has come, from its tasks, its plan and the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.browse import RunCounts, count_mails, run_counts
from auth0_sso.ledger.records import EntryStatus
from auth0_sso.models import TENANT, MailKind
from auth0_sso.runtime.installation import INSTALLATION_VARIABLE
from auth0_sso.tickets.collect import STATS_KEY
from sqlalchemy.exc import SQLAlchemyError

from include.reports.wording import plural
from sso_ui.access import CREATE_DAG, FOLLOW_DAG, MAIL_DAG, REVOKE_DAG
from sso_ui.airflow import read_variable, task_states, xcom, xcoms_of_instances
from sso_ui.data.ledger import readable_ledger
from sso_ui.data.runs import RunLine, as_object, count
from sso_ui.data.tenant import Tenant

TICKETS_TASK = "create_tickets"
TASKS = {
    CREATE_DAG: ("load_prospects", "plan_fan_out", "approve", TICKETS_TASK, "export_report", "check_outcome"),
    REVOKE_DAG: ("select_tickets", "revoke_tickets", "export_report", "check_outcome"),
    FOLLOW_DAG: ("read_setups", "export_report"),
    MAIL_DAG: ("select_mails", "approve", "send_mails", "export_report", "check_outcome"),
}
"""The tasks of each DAG, in order."""
STATES_BY_ADVANCE = (
    "failed",
    "upstream_failed",
    "running",
    "awaiting_input",
    "up_for_retry",
    "queued",
    "scheduled",
    "none",
)
"""The states of unfinished and failed tasks; what a person should know first comes first."""
_NOTHING = RunCounts({}, 0, 1.0)
_DONE = {EntryStatus.CREATED, EntryStatus.CONFLICT, EntryStatus.FAILED}


@dataclass(frozen=True)
class Progress:
    """
    What a running run has done.

    :param done: prospects whose request was answered for good, of ``total`` to request; None if not planned yet. Of a
        run that mails, the mails that it has begun to send.
    :param sent_a_second: requests in the last seconds.
    :param refused: requests that got a 429, of the tasks that have reported.
    :param seconds_left: None if that can't be said.
    :param waits_for: sentences; empty while it sends.
    :param tasks: state of each task, in order: the least advanced one of the mapped task's instances.
    """

    done: int
    total: int | None
    reused: int
    sent_a_second: float
    refused: int
    seconds_left: float | None
    waits_for: list[str]
    tasks: dict[str, str]


def read_progress(run: RunLine, tenant: Tenant) -> Progress:
    """Read it."""
    states = task_states(run.dag_id, run.run_id)
    if run.dag_id == MAIL_DAG:
        return _read_mailing(run, states)
    plan = as_object(xcom(run.dag_id, run.run_id, "plan_fan_out", "plan"))
    total = count(plan.get("create")) + count(plan.get("replace")) if plan else None
    found = _counts(run)
    done = sum(number for status, number in found.by_status.items() if status in _DONE)
    rate = found.recent / found.seconds
    left = None if total is None else max(total - done, 0)
    pace = min(rate, tenant.capacity.rate) or tenant.capacity.rate
    return Progress(
        done=done if total is None else min(done, total),
        total=total,
        reused=count(plan.get("reuse")),
        sent_a_second=rate,
        refused=_refused(run),
        seconds_left=left / pace if left is not None and pace else None,
        waits_for=_waits_for(run, states, found),
        tasks=_tasks(run, states),
    )


def _read_mailing(run: RunLine, states: dict[str, Counter[str]]) -> Progress:
    plan = as_object(xcom(run.dag_id, run.run_id, "select_mails", "plan"))
    total = sum(count(plan.get(kind)) for kind in MailKind) if plan else None
    begun = _begun_mails(run)
    return Progress(
        done=begun if total is None else min(begun, total),
        total=total,
        reused=0,
        sent_a_second=0.0,
        refused=0,
        seconds_left=None,
        waits_for=_waits_for(run, states, _NOTHING),
        tasks=_tasks(run, states),
    )


def _begun_mails(run: RunLine) -> int:
    installation = read_variable(INSTALLATION_VARIABLE)
    try:
        with readable_ledger() as ledger:
            return count_mails(ledger, f"{run.dag_id}/{run.run_id}", installation)
    except (LedgerError, SQLAlchemyError):
        return 0


def _tasks(run: RunLine, states: dict[str, Counter[str]]) -> dict[str, str]:
    return {task: _least_advanced(states.get(task, Counter())) for task in TASKS[run.dag_id]}


def _counts(run: RunLine) -> RunCounts:
    installation = read_variable(INSTALLATION_VARIABLE)
    try:
        with readable_ledger() as ledger:
            return run_counts(ledger, f"{run.dag_id}/{run.run_id}", installation)
    except (LedgerError, SQLAlchemyError):
        return _NOTHING


def _refused(run: RunLine) -> int:
    stats = xcoms_of_instances(run.dag_id, run.run_id, TICKETS_TASK, STATS_KEY)
    tries = [one for value in stats if isinstance(value, list) for one in value]
    return sum(count(one.get("rate_limited")) for one in tries if isinstance(one, dict))


def _waits_for(run: RunLine, states: dict[str, Counter[str]], found: RunCounts) -> list[str]:
    waits = []
    tickets = states.get(TICKETS_TASK, Counter())
    if run.state == "queued":
        waits.append("It is about to start. Only one run is active at a time.")
    if states.get("approve", Counter())["awaiting_input"]:
        waits.append("A person has to approve the plan.")
    if waiting := tickets["scheduled"] + tickets["queued"]:
        waits.append(f"Waiting for a slot of the pool {TENANT.pool}: {waiting:,} of {plural(tickets.total(), 'task')}.")
    if again := sum(counter["up_for_retry"] for counter in states.values()):
        waits.append(f"{plural(again, 'task')} had an error and will be tried again by Airflow.")
    if deferred := found.by_status.get(EntryStatus.DEFERRED, 0):
        waits.append(f"{plural(deferred, 'request')} could not be made for now and will be sent again.")
    return waits


def _least_advanced(states: Counter[str]) -> str:
    return next((state for state in STATES_BY_ADVANCE if states[state]), next(iter(states), "none"))
