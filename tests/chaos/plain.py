"""The plain way under the same hand: one POST a mapped task, no ledger; killed a few times, and run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.batch import ChaosError
from tests.chaos.killer import Killer
from tests.chaos.plan import Target, kills_of_the_plain_way

DAG = POOL = "naive"
SLOTS = 8
_LONGEST_RUN = 420.0
_POLL_SECONDS = 0.05
_STATE_SECONDS = 2.0


@dataclass(frozen=True)
class PlainOutcome:
    """
    What the plain way came to.

    :param kills: processes killed; all of Airflow counts once.
    :param asked: prospects.
    :param made: tickets that the tenant made.
    :param recorded: of these, tickets that the last run's XComs hold.
    """

    kills: int
    asked: int
    made: int
    recorded: int

    @property
    def orphans(self) -> int:
        """Tickets that live and that nobody can find: neither recorded nor flagged."""
        return self.made - self.recorded


def run_plain_way(
    seed: int, organizations: int, airflow: ChaosAirflow, tenant: Sandbox, say: Callable[[str], None]
) -> PlainOutcome:
    """Run the plain DAG while it is killed, then once more in peace; return what is left of it."""
    airflow.api().set_pool(POOL, SLOTS)
    plan = kills_of_the_plain_way(seed, organizations)

    def look(target: Target) -> None:
        say(f"killed {target.value}: {tenant.stats().tickets} tickets made")

    killer = Killer(plan, airflow, tenant, random.Random(f"plain {seed}"), look)
    for _ in range(2):
        run_id = airflow.api().trigger(DAG, {"organizations": organizations, "prefix": f"plain{seed:03d}"})
        state = _wait_for_end(airflow, run_id, killer)
        say(f"the run is {state}")
        killer.call_off()
    recorded = _recorded(airflow.api(), run_id) & {ticket.id for ticket in tenant.tickets if ticket.state == "live"}
    return PlainOutcome(killer.killed.total(), organizations, tenant.stats().tickets, len(recorded))


def _wait_for_end(airflow: ChaosAirflow, run_id: str, killer: Killer) -> str:
    deadline = time.monotonic() + _LONGEST_RUN
    looked_at = 0.0
    while time.monotonic() < deadline:
        if not killer.strike() and time.monotonic() - looked_at > _STATE_SECONDS:
            looked_at = time.monotonic()
            state = str(airflow.api().run(DAG, run_id)["state"])
            if state in ("success", "failed"):
                return state
        time.sleep(_POLL_SECONDS)
    raise ChaosError(f"the plain way came to no end in {_LONGEST_RUN:.0f} s")


def _recorded(api: AirflowApi, run_id: str) -> set[str]:
    """Return the ids of the tickets in the run's XComs."""
    made = [ti for ti in api.task_instances(DAG, run_id) if ti["task_id"] == "create_tickets"]
    urls = [
        api.xcom(DAG, run_id, "create_tickets", map_index=ti["map_index"]) for ti in made if ti["state"] == "success"
    ]
    return {str(url).partition("?ticket=")[2] for url in urls}
