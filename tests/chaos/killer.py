"""Carries out a plan of kills on an Airflow that is at work."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from dev.sandbox.server import Sandbox
from tests.chaos.airflow import API_SERVER, SCHEDULER, ChaosAirflow
from tests.chaos.plan import Kill, Target
from tests.chaos.processes import kill

_POLL_SECONDS = 0.05
_LONGEST_WAIT = 60.0
_STALL_SECONDS = 10.0


class Killer:
    """
    Kill what is due, and start again what was killed.

    ``killed`` counts what was killed how often.

    :param plan: the kills, in order.
    :param airflow: it runs.
    :param tenant: counts the tickets, by which kills are due.
    :param chance: chooses among the processes, and how long something stays down.
    :param look: called right after each kill, before anything is started again.
    """

    def __init__(
        self,
        plan: Sequence[Kill],
        airflow: ChaosAirflow,
        tenant: Sandbox,
        chance: random.Random,
        look: Callable[[Target], None],
    ) -> None:
        self.killed: Counter[Target] = Counter()
        self._pending = deque(plan)
        self._airflow = airflow
        self._tenant = tenant
        self._chance = chance
        self._look = look

    @property
    def pending(self) -> int:
        """How many kills are still to come."""
        return len(self._pending)

    def strike(self) -> bool:
        """Carry out the next kill if it is due; return whether it was."""
        if not self._pending or self._tenant.stats().tickets < self._pending[0].at:
            return False
        target = self._pending[0].target
        alone = target in (Target.TASK, Target.SUPERVISOR)
        if alone and not self._kill_process(target):
            return False  # none is there just now
        if not alone:
            self._kill_part(target)
        self._pending.popleft()
        self.killed[target] += 1
        self._look(target)
        if not alone:
            time.sleep(self._chance.uniform(0, 5))
            self._airflow.start()
        return True

    def call_off(self) -> None:
        """Kill nothing more."""
        self._pending.clear()

    def _kill_process(self, target: Target) -> bool:
        found = self._airflow.task_processes()
        victims = [process.pid for process in found if process.supervises == (target is Target.SUPERVISOR)]
        return bool(victims) and kill(self._chance.choice(victims))

    def _kill_part(self, target: Target) -> None:
        if target is Target.AIRFLOW:
            self._wait_for_tickets_without_answer()
            self._airflow.kill_all()
        elif target is Target.API_SERVER:
            self._airflow.kill(API_SERVER)
        else:
            self._airflow.kill(SCHEDULER, with_children=target is Target.SCHEDULER_AND_WORKERS)

    def _wait_for_tickets_without_answer(self) -> None:
        """Let the tenant make some tickets and hold back the answers."""
        self._tenant.fault("stall", delay=_STALL_SECONDS, count=4, route="create")
        deadline = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < deadline:
            held = [seen for seen in self._tenant.requests if "stall" in seen.faults and seen.status == 0]
            if any(seen.made_ticket for seen in held):
                break
            time.sleep(_POLL_SECONDS)
        self._tenant.clear_faults()
