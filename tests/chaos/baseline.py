"""The baseline: the DAG ``naive`` (one POST a mapped task, no ledger), killed a few times and run again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.batch import ChaosError
from tests.chaos.killer import Killer
from tests.chaos.plan import Target, baseline_kills

DAG = POOL = "naive"
SLOTS = 8
_MAX_RUN_SECONDS = 420.0


@dataclass(frozen=True)
class BaselineOutcome:
    """
    The result of the baseline.

    :param kills: processes killed; all of Airflow counts once.
    :param recorded: the created tickets that are in the last run's XComs.
    """

    kills: int
    prospects: int
    created: int
    recorded: int

    @property
    def orphans(self) -> int:
        """Valid tickets that are neither recorded nor flagged."""
        return self.created - self.recorded


def run_baseline(
    seed: int, organizations: int, airflow: ChaosAirflow, tenant: Sandbox, log: Callable[[str], None]
) -> BaselineOutcome:
    """Run the DAG while it is killed, then once more without kills."""
    airflow.api().set_pool(POOL, SLOTS)

    def on_kill(target: Target) -> None:
        log(f"killed {target.value}: {tenant.stats().tickets} tickets created")

    killer = Killer(baseline_kills(seed, organizations), airflow, tenant, random.Random(f"baseline {seed}"), on_kill)
    for _ in range(2):
        run_id = airflow.api().trigger(DAG, {"organizations": organizations, "prefix": f"baseline{seed:03d}"})
        state = killer.wait_for_end(DAG, run_id, _MAX_RUN_SECONDS)
        log(f"the run is {state}")
        if state not in ("success", "failed"):
            raise ChaosError(f"a run of the baseline did not end within {_MAX_RUN_SECONDS:.0f} s of its last kill")
        killer.cancel()
    valid = {ticket.id for ticket in tenant.tickets if ticket.state == "live"}
    recorded = _recorded(airflow.api(), run_id) & valid
    return BaselineOutcome(killer.killed.total(), organizations, tenant.stats().tickets, len(recorded))


def _recorded(api: AirflowApi, run_id: str) -> set[str]:
    """Return the ids of the tickets in the run's XComs."""
    instances = api.task_instances(DAG, run_id)
    done = [ti["map_index"] for ti in instances if ti["task_id"] == "create_tickets" and ti["state"] == "success"]
    urls = [api.xcom(DAG, run_id, "create_tickets", map_index=map_index) for map_index in done]
    return {str(url).partition("?ticket=")[2] for url in urls}
