"""One batch of organizations, killed while it runs and resumed as an operator would, until a run is green."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auth0_sso.ledger.schema import tickets as ledger_table
from auth0_sso.ledger.store import open_ledger
from sqlalchemy import create_engine, select

from dev.sandbox.server import Sandbox
from include import reports
from include.folders import relative_folder
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.audit import Audit, audit
from tests.chaos.killer import Killer
from tests.chaos.plan import Target, kills

DAG = "create_sso_tickets"
TASKS = 20
_MAX_RUN_SECONDS = 240.0  # after the last kill; then an operator ends the run
_MAX_BATCH_SECONDS = 1200.0


class ChaosError(RuntimeError):
    """A batch did not end."""


@dataclass
class Outcome:
    """
    The result of a batch.

    :param planned: how many kills were planned.
    :param in_flight: requests in flight at a kill: organization and version of its ledger entry.
    :param clears: how often failed tasks were cleared.
    :param incomplete: reports that did not hold each row once.
    :param audit: the audit after the first green run.
    :param created_again: tickets created by one more run after it.
    :param refused: requests that the tenant refused with 429.
    """

    seed: int
    planned: int = 0
    killed: Counter[Target] = field(default_factory=Counter)
    in_flight: set[tuple[str, int]] = field(default_factory=set)
    runs: int = 0
    clears: int = 0
    incomplete: int = 0
    audit: Audit | None = None
    created_again: int = 0
    refused: int = 0
    seconds: float = 0.0


class Batch:
    """
    A batch that is killed.

    :param seed: decides the kills, and how the batch is resumed.
    :param organizations: how many, with one prospect each.
    :param tenant: it has received nothing.
    :param ledger_url: the ledger that Airflow's tasks use.
    """

    def __init__(
        self,
        seed: int,
        organizations: int,
        airflow: ChaosAirflow,
        tenant: Sandbox,
        ledger_url: str,
        reports_folder: Path,
        log: Callable[[str], None],
    ) -> None:
        self._rng = random.Random(f"resume {seed}")
        self._organizations = [f"org_chaos{seed:03d}{number:05d}" for number in range(organizations)]
        self._airflow = airflow
        self._tenant = tenant
        self._ledger = open_ledger(ledger_url)
        self._engine = create_engine(ledger_url)
        self._reports = reports_folder
        self._log = log
        plan = kills(seed, organizations)
        self._outcome = Outcome(seed, planned=len(plan))
        self._killer = Killer(plan, airflow, tenant, self._rng, self._record_in_flight)
        self._run_id = ""

    def run(self) -> Outcome:
        """Run it until all kills are carried out and a run is green, and audit it."""
        began = time.monotonic()
        outcome = self._outcome
        self._start()
        while (state := self._wait_for_end()) != "success" or self._killer.pending:
            if time.monotonic() - began > _MAX_BATCH_SECONDS:
                raise ChaosError(f"seed {outcome.seed}: no green run in {_MAX_BATCH_SECONDS:.0f} s")
            self._resume(state)
        known = {entry.ticket.ticket_id for entry in self._ledger.live_entries() if entry.ticket}
        in_flight = Counter(organization for organization, _ in outcome.in_flight)
        outcome.audit = audit(self._organizations, self._tenant.tickets, self._rows(), known, in_flight)
        self._start()
        if self._wait_for_end() != "success":
            raise ChaosError(f"seed {outcome.seed}: a run that had nothing to do failed")
        seen = self._tenant.stats()
        outcome.created_again = seen.tickets - outcome.audit.created
        outcome.refused = seen.rate_limited
        outcome.killed = self._killer.killed
        outcome.seconds = time.monotonic() - began
        self._ledger.close()
        self._engine.dispose()
        return outcome

    def _start(self) -> None:
        lines = [f"{organization},desk@chaos.example" for organization in self._organizations]
        text = "\n".join(["organization_id,prospect_email", *lines])
        self._run_id = self._airflow.api().trigger(DAG, {"prospects_csv": text, "max_mapped_tasks": TASKS})
        self._outcome.runs += 1

    def _wait_for_end(self) -> str:
        """Kill what is due until the run ends, and check its report; return its state."""
        state = self._killer.wait_for_end(DAG, self._run_id, _MAX_RUN_SECONDS)
        if state not in ("success", "failed"):
            self._airflow.api().end(DAG, self._run_id)
            return "stuck"
        if (self._folder() / "tickets.csv").exists():  # a run that failed before it had read its input has none
            numbers = [row["row"] for row in self._rows()]
            self._outcome.incomplete += numbers != list(range(1, len(self._organizations) + 1))
        return state

    def _resume(self, state: str) -> None:
        """Continue as an operator would: clear what failed, or start another run."""
        self._log(f"the run is {state}: resuming")
        instances = self._airflow.api().task_instances(DAG, self._run_id)
        failed = [ti for ti in instances if ti["state"] in ("failed", "upstream_failed")]
        if state == "failed" and failed and self._rng.random() < 0.5:
            mapped = [[ti["task_id"], ti["map_index"]] for ti in failed if ti["map_index"] >= 0]
            others = [ti["task_id"] for ti in failed if ti["map_index"] < 0]
            self._airflow.api().clear(DAG, self._run_id, [*mapped, *others])
            self._outcome.clears += 1
        else:
            self._start()

    def _record_in_flight(self, target: Target) -> None:
        columns = ledger_table.c
        query = select(columns.organization_id, columns.version).where(columns.status == "in_flight")
        with self._engine.connect() as connection:
            in_flight = {(row.organization_id, row.version) for row in connection.execute(query)}
        new = in_flight - self._outcome.in_flight
        self._outcome.in_flight |= in_flight
        created = self._tenant.stats().tickets
        self._log(f"killed {target.value}: {created} tickets created, {len(new)} requests in flight")

    def _folder(self) -> Path:
        return self._reports / relative_folder(DAG, self._run_id)

    def _rows(self) -> list[dict[str, Any]]:
        return [ticket.as_dict() for ticket in reports.read_tickets(self._folder())]
