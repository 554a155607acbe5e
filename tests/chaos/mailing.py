"""Links that the asset of the reports has mailed, while the task that mails them is killed over and over."""

from __future__ import annotations

import csv
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.folders import relative_folder
from tests.chaos.airflow import ChaosAirflow, TaskProcess
from tests.chaos.batch import ChaosError
from tests.chaos.plan import Target, mailing_kills
from tests.support.mail_server import MailServer
from tests.support.services.processes import kill

DAG, TASK = "mail_sso_tickets", "send_mails"
CREATE_DAG = "create_sso_tickets"
PROSPECTS = 80
_MAX_COMMANDS = 8  # between a task's first command and its kill; a mail is four of them and its text
_MAX_PAUSE = 0.4  # after that command; the server takes some milliseconds for each
_MAX_WAIT = 120.0
_MAX_RUN_SECONDS = 420.0
_POLL_SECONDS = 0.005
_LOOK_SECONDS = 0.25
_ENDED = ("success", "failed")


@dataclass(frozen=True)
class MailAudit:
    """
    What the audit of a mailing counts.

    :param mailed: prospects whose mail the server has taken.
    :param flagged: prospects whose row says ``possibly_sent``.
    :param twice: prospects with more than one mail.
    :param lost: prospects without a mail whose row does not say ``possibly_sent``, or without exactly one row.
    """

    mailed: int
    flagged: int
    twice: int
    lost: int


@dataclass
class MailingOutcome:
    """
    The result of a mailing.

    :param planned: how many kills were planned.
    :param mailed_again: mails of the run that the next report started.
    """

    seed: int
    planned: int
    killed: Counter[Target] = field(default_factory=Counter)
    audit: MailAudit | None = None
    mailed_again: int = 0
    seconds: float = 0.0


def audit_mails(addresses: Collection[str], mailed: Sequence[str], rows: Sequence[Mapping[str, str]]) -> MailAudit:
    """
    Audit a mailing.

    :param mailed: the recipient of each mail that the server has taken.
    :param rows: those of ``deliveries.csv``.
    """
    mails = Counter(mailed)
    times = Counter(row["prospect_email"] for row in rows)
    sent = {row["prospect_email"] for row in rows if row["status"] == "sent"}
    flagged = {row["prospect_email"] for row in rows if row["status"] == "possibly_sent"}
    is_known = {address for address in addresses if address in flagged or (address in sent and mails[address])}
    return MailAudit(
        mailed=len(mails),
        flagged=len(flagged),
        twice=sum(count > 1 for count in mails.values()),
        lost=sum(address not in is_known or times[address] != 1 for address in addresses),
    )


class MailingBatch:
    """
    Links that are created, and mailed by the run that the report's asset starts, whose task is killed.

    :param seed: decides the kills.
    :param server: it has received nothing.
    """

    def __init__(
        self, seed: int, airflow: ChaosAirflow, server: MailServer, reports_folder: Path, log: Callable[[str], None]
    ) -> None:
        self._rng = random.Random(f"mailing {seed}")
        self._addresses = [f"desk{number}@chaos.example" for number in range(PROSPECTS)]
        self._airflow = airflow
        self._server = server
        self._reports = reports_folder
        self._log = log
        self._plan = mailing_kills(seed)
        self._outcome = MailingOutcome(seed, planned=len(self._plan))

    def run(self) -> MailingOutcome:
        """Create and mail the links, and audit what has arrived; then check that the next report mails nobody."""
        began = time.monotonic()
        outcome = self._outcome
        run_id = self._created()
        for target in self._plan:
            if not self._kill(run_id, target):
                break
        self._wait_for_end(run_id)
        outcome.audit = audit_mails(self._addresses, self._mailed(), self._rows(run_id))
        mails = len(self._server.mails)
        self._wait_for_end(self._created())
        outcome.mailed_again = len(self._server.mails) - mails
        outcome.seconds = time.monotonic() - began
        return outcome

    def _created(self) -> str:
        """Create the links, and return the run that is to mail them."""
        before = self._asset_runs()
        lines = [f"org_chaosmail{number:05d},{address}" for number, address in enumerate(self._addresses)]
        text = "\n".join(["organization_id,prospect_email", *lines])
        run_id = self._airflow.api().trigger(CREATE_DAG, {"prospects_csv": text, "max_mapped_tasks": 4})
        self._wait(lambda: self._airflow.api().run(CREATE_DAG, run_id)["state"] in _ENDED, "the links were not created")
        self._wait(lambda: bool(self._asset_runs() - before), "the report has started no mailing")
        (mailing,) = self._asset_runs() - before
        return mailing

    def _kill(self, run_id: str, target: Target) -> bool:
        """Kill the task that mails when it has sent some more commands, and clear it; return whether there was one."""
        process: TaskProcess | None = None
        deadline = time.monotonic() + _MAX_WAIT
        while process is None:
            if self._state(run_id) in _ENDED or time.monotonic() > deadline:
                return False
            process = self._process(run_id, target)
        due = len(self._server.commands) + self._rng.randint(1, _MAX_COMMANDS)
        while len(self._server.commands) < due and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        time.sleep(self._rng.uniform(0, _MAX_PAUSE))
        if not kill(process.pid):
            return False
        self._outcome.killed[target] += 1
        self._log(f"killed {target.value} of {TASK}: {len(self._server.mails)} mails taken")
        self._wait(lambda: self._task(run_id)["state"] != "running", "Airflow does not notice a kill")
        if self._state(run_id) not in _ENDED:  # an operator would not wait for the next try
            self._airflow.api().clear(DAG, run_id, [TASK])
        return True

    def _process(self, run_id: str, target: Target) -> TaskProcess | None:
        """Return the process that runs or supervises the task, if there is one."""
        ti_id = self._task(run_id)["id"]
        supervises = target is Target.SUPERVISOR
        found = [one for one in self._airflow.task_processes() if one.ti_id == ti_id and one.supervises == supervises]
        return found[0] if found else None

    def _task(self, run_id: str) -> dict[str, str]:
        instances = self._airflow.api().task_instances(DAG, run_id)
        return next(instance for instance in instances if instance["task_id"] == TASK)

    def _state(self, run_id: str) -> str:
        return str(self._airflow.api().run(DAG, run_id)["state"])

    def _asset_runs(self) -> set[str]:
        runs = self._airflow.api().get(f"/api/v2/dags/{DAG}/dagRuns?run_type=asset_triggered&limit=100")["dag_runs"]
        return {run["dag_run_id"] for run in runs}

    def _wait_for_end(self, run_id: str) -> None:
        self._wait(lambda: self._state(run_id) in _ENDED, "a mailing did not end", _MAX_RUN_SECONDS)

    def _wait(self, condition: Callable[[], bool], problem: str, seconds: float = _MAX_WAIT) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise ChaosError(f"seed {self._outcome.seed}: {problem} within {seconds:.0f} s")
            time.sleep(_LOOK_SECONDS)

    def _mailed(self) -> list[str]:
        return [to for mail in list(self._server.mails) for to in mail.recipients]

    def _rows(self, run_id: str) -> list[dict[str, str]]:
        file = self._reports / relative_folder(DAG, run_id) / "deliveries.csv"
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))
