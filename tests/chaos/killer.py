"""Carries out a plan of kills on an Airflow that runs a DAG."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from dev.sandbox.server import Sandbox
from tests.chaos.airflow import ChaosAirflow
from tests.chaos.plan import Kill, Target
from tests.support.services.airflow import API_SERVER, SCHEDULER
from tests.support.services.processes import kill

_POLL_SECONDS = 0.05
_STATE_SECONDS = 1.0
_MAX_STALL_WAIT = 60.0
_STALL_SECONDS = 10.0


class Killer:
    """
    Kills what is due, and starts again what was killed.

    ``killed`` counts the kills by target.

    :param tenant: a kill is due when it has created a number of tickets.
    :param rng: chooses among the processes, and how long a part stays down.
    :param on_kill: called right after each kill, before anything is started again.
    """

    def __init__(
        self,
        plan: Sequence[Kill],
        airflow: ChaosAirflow,
        tenant: Sandbox,
        rng: random.Random,
        on_kill: Callable[[Target], None],
    ) -> None:
        self.killed: Counter[Target] = Counter()
        self._pending = deque(plan)
        self._airflow = airflow
        self._tenant = tenant
        self._rng = rng
        self._on_kill = on_kill

    @property
    def pending(self) -> int:
        """How many kills are left."""
        return len(self._pending)

    def cancel(self) -> None:
        """Kill nothing more."""
        self._pending.clear()

    def wait_for_end(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Kill what is due until a run ends, or so many seconds after the last kill; return the run's state."""
        deadline = time.monotonic() + seconds
        next_look = 0.0
        while True:
            if self._kill_if_due():
                deadline = time.monotonic() + seconds
            elif time.monotonic() > next_look:
                state = str(self._airflow.api().run(dag_id, run_id)["state"])
                if state in ("success", "failed") or time.monotonic() > deadline:
                    return state
                next_look = time.monotonic() + _STATE_SECONDS
            time.sleep(_POLL_SECONDS)

    def _kill_if_due(self) -> bool:
        if not self._pending or self._tenant.stats().tickets < self._pending[0].at:
            return False
        target = self._pending[0].target
        is_process = target in (Target.TASK, Target.SUPERVISOR)
        if is_process and not self._kill_process(target):
            return False  # there is none at the moment
        if not is_process:
            self._kill_part(target)
        self._pending.popleft()
        self.killed[target] += 1
        self._on_kill(target)
        if not is_process:
            time.sleep(self._rng.uniform(0, 5))
            self._airflow.start()
        return True

    def _kill_process(self, target: Target) -> bool:
        found = self._airflow.task_processes()
        pids = [process.pid for process in found if process.supervises == (target is Target.SUPERVISOR)]
        return bool(pids) and kill(self._rng.choice(pids))

    def _kill_part(self, target: Target) -> None:
        if target is Target.AIRFLOW:
            self._wait_for_tickets_without_response()
            self._airflow.kill_all()
        elif target is Target.API_SERVER:
            self._airflow.kill(API_SERVER)
        else:
            self._airflow.kill(SCHEDULER, with_children=target is Target.SCHEDULER_AND_WORKERS)

    def _wait_for_tickets_without_response(self) -> None:
        """Let the tenant create some tickets and hold back the responses."""
        self._tenant.fault("stall", delay=_STALL_SECONDS, count=4, route="create")
        deadline = time.monotonic() + _MAX_STALL_WAIT
        while time.monotonic() < deadline:
            held = [seen for seen in self._tenant.requests if "stall" in seen.faults and seen.status == 0]
            if any(seen.made_ticket for seen in held):
                break
            time.sleep(_POLL_SECONDS)
        self._tenant.clear_faults()
