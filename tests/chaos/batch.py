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
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.books import Books, balance
from tests.chaos.killer import Killer
from tests.chaos.plan import Target, kills

DAG = "create_sso_tickets"
TASKS = 20
_POLL_SECONDS = 0.05
_STATE_SECONDS = 1.0
_LONGEST_RUN = 240.0  # without a kill; then an operator ends it
_LONGEST_BATCH = 1200.0


class ChaosError(RuntimeError):
    """A batch came to no end."""


@dataclass
class Outcome:
    """
    What a batch came to.

    :param seed: what its kills were drawn from.
    :param planned: how many kills there were to be.
    :param killed: how often what was killed.
    :param in_flight: requests without a recorded answer when something was killed: organization and entry's version.
    :param runs: DAG runs.
    :param clears: times that failed tasks were cleared.
    :param incomplete: reports that did not hold each row once.
    :param books: the books after the first green run.
    :param made_again: tickets made by one more run after it.
    :param refused: requests that the tenant refused with 429.
    :param seconds: how long it took.
    """

    seed: int
    planned: int = 0
    killed: Counter[Target] = field(default_factory=Counter)
    in_flight: set[tuple[str, int]] = field(default_factory=set)
    runs: int = 0
    clears: int = 0
    incomplete: int = 0
    books: Books | None = None
    made_again: int = 0
    refused: int = 0
    seconds: float = 0.0


class Batch:
    """
    A batch under chaos.

    :param seed: draws the kills, and how it is resumed.
    :param organizations: how many, with one prospect each.
    :param airflow: it runs.
    :param tenant: rested.
    :param ledger_url: the ledger that Airflow's tasks use.
    :param reports_folder: where the reports go.
    :param say: shows what happens.
    """

    def __init__(
        self,
        seed: int,
        organizations: int,
        airflow: ChaosAirflow,
        tenant: Sandbox,
        ledger_url: str,
        reports_folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._chance = random.Random(f"resume {seed}")
        self._organizations = [f"org_chaos{seed:03d}{number:05d}" for number in range(organizations)]
        self._airflow = airflow
        self._tenant = tenant
        self._ledger = open_ledger(ledger_url)
        self._engine = create_engine(ledger_url)
        self._reports = reports_folder
        self._say = say
        plan = kills(seed, organizations)
        self._outcome = Outcome(seed, planned=len(plan))
        self._killer = Killer(plan, airflow, tenant, self._chance, self._look)
        self._run_id = ""
        self._since = 0.0

    def run(self) -> Outcome:
        """Run it until all kills are carried out and a run is green, and balance the books."""
        began = time.monotonic()
        self._start()
        while (state := self._wait_for_end(began + _LONGEST_BATCH)) != "success" or self._killer.pending:
            self._resume(state)
        outcome = self._outcome
        known = {entry.ticket.ticket_id for entry in self._ledger.live_entries() if entry.ticket}
        in_flight = Counter(organization for organization, _ in outcome.in_flight)
        outcome.books = balance(self._organizations, self._tenant.tickets, self._rows(), known, in_flight)
        self._start()
        if self._wait_for_end(began + _LONGEST_BATCH) != "success":
            raise ChaosError(f"seed {outcome.seed}: a run that had nothing to do failed")
        seen = self._tenant.stats()
        outcome.made_again = seen.tickets - outcome.books.made
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
        self._since = time.monotonic()

    def _wait_for_end(self, deadline: float) -> str:
        """Kill what is due until the run ends; return its state."""
        looked_at = 0.0
        while True:
            if self._killer.strike():
                self._since = time.monotonic()
            elif time.monotonic() - looked_at > _STATE_SECONDS:
                looked_at = time.monotonic()
                state = str(self._airflow.api().run(DAG, self._run_id)["state"])
                if state in ("success", "failed"):
                    self._check_report()
                    return state
                if time.monotonic() > deadline:
                    raise ChaosError(f"seed {self._outcome.seed}: no green run in {_LONGEST_BATCH:.0f} s")
                if time.monotonic() - self._since > _LONGEST_RUN:
                    self._airflow.api().end(DAG, self._run_id)
                    return "stuck"
            time.sleep(_POLL_SECONDS)

    def _resume(self, state: str) -> None:
        """Go on as an operator would: clear what failed, or start another run."""
        self._say(f"the run is {state}: resuming")
        failed = [ti for ti in self._instances() if ti["state"] in ("failed", "upstream_failed")]
        if state == "failed" and failed and self._chance.random() < 0.5:
            mapped = [[ti["task_id"], ti["map_index"]] for ti in failed if ti["map_index"] >= 0]
            others = [ti["task_id"] for ti in failed if ti["map_index"] < 0]
            self._airflow.api().clear(DAG, self._run_id, [*mapped, *others])
            self._outcome.clears += 1
            self._since = time.monotonic()
        else:
            self._start()

    def _look(self, target: Target) -> None:
        asking = self._asking()
        new = asking - self._outcome.in_flight
        self._outcome.in_flight |= asking
        made = self._tenant.stats().tickets
        self._say(f"killed {target.value}: {made} tickets made, {len(new)} requests in flight")

    def _asking(self) -> set[tuple[str, int]]:
        columns = ledger_table.c
        asking = select(columns.organization_id, columns.version).where(columns.status == "in_flight")
        with self._engine.connect() as connection:
            return {(row.organization_id, row.version) for row in connection.execute(asking)}

    def _instances(self) -> list[dict[str, Any]]:
        return self._airflow.api().task_instances(DAG, self._run_id)

    def _folder(self) -> Path:
        return Path(str(reports.run_folder(self._reports, DAG, self._run_id)))

    def _rows(self) -> list[dict[str, Any]]:
        return reports.read_tickets(self._folder())

    def _check_report(self) -> None:
        """Look at the report of a run that has ended, whatever it ended as; without its input there is none."""
        if (self._folder() / "tickets.csv").exists():
            numbers = [row["row"] for row in self._rows()]
            self._outcome.incomplete += numbers != list(range(1, len(self._organizations) + 1))
