"""What the operators share: ledger, rate limit, event loop, and what they push."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import TENANT, TaskStats, is_true
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.collect import STATS_KEY
from auth0_sso.tickets.seal import require_seal

if TYPE_CHECKING:
    from airflow.sdk import Context

    from auth0_sso.tickets.issue import TicketIssuer
    from auth0_sso.tickets.revoke import TicketRevoker


class SsoTicketsOperator(BaseOperator):
    """
    What the operators share: the ledger, the rate of their pool slots, and an event loop of their own.

    :param batch: ``{"label": str, "batch": str, "sha256": str, "ledger_id": str, "seal": str}``: what a mapped instance
        is called, the path or URI of its batch file, see :mod:`auth0_sso.tickets.batch`, its digest, the ledger that
        the run was planned with, and its seal. Without ``sha256`` or ``ledger_id`` that is not checked. (templated)
    :param require_seal: whether only a batch is taken that the run's plan has sealed, see
        :mod:`auth0_sso.tickets.seal`.
    :param auth0_conn_id: a connection of type ``auth0``. (templated)
    :param plan_only: everything but the calls. (templated)
    :param retry_budget: seconds for which a busy or unreachable tenant may hold up one ticket.
    """

    template_fields: Sequence[str] = ("batch", "auth0_conn_id", "plan_only")
    ui_color = "#f6e6dc"
    timeouts: Timeouts = DEFAULT_TIMEOUTS

    def __init__(
        self,
        *,
        batch: Mapping[str, str] | None = None,
        require_seal: bool = False,
        auth0_conn_id: str = Auth0Hook.default_conn_name,
        plan_only: bool | str = False,
        retry_budget: float = DEFAULT_TIMEOUTS.retry_budget,
        pool: str = TENANT.pool,
        retry_policy: Auth0RetryPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool=pool, retry_policy=retry_policy or Auth0RetryPolicy(), **kwargs)
        self.batch = batch
        self.require_seal = require_seal
        self.auth0_conn_id = auth0_conn_id
        self.plan_only = plan_only
        self.retry_budget = retry_budget
        self._loop: GuardedLoop | None = None

    @abstractmethod
    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> TicketIssuer | TicketRevoker:
        """Return what there is to do."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Do the batch's work; push its results and ``stats`` also when it fails."""
        ti = context["ti"]
        self._require_pool()
        timeouts = replace(self.timeouts, retry_budget=self.retry_budget)
        with closing(open_ledger()) as ledger:
            ledger.database.require_identity((self.batch or {}).get("ledger_id", ""))
            token_store = LedgerTokenStore(ledger.database)
            hook = Auth0Hook(self.auth0_conn_id, token_store=token_store, timeouts=timeouts)
            hook.rate_limiter = hook.settings.rate_limiter(self.pool_slots, ti.start_date, timeouts)
            attempt = RunAttempt.of(context["dag_run"], ti.max_tries)
            if self.require_seal:
                require_seal(self.batch or {}, attempt)
            work = self.work(hook, ledger, attempt)
            try:
                self._run(hook, work)
                work.raise_if_incomplete()
            except BaseException:
                ti.xcom_push(key="return_value", value=work.results())
                raise
            finally:
                _push_stats(context, hook.rate_limiter.stats(ti.start_date.timestamp()))
            return work.results()

    def on_kill(self) -> None:
        """Send nothing more; what is under way is answered and recorded."""
        if self._loop is not None:
            self._loop.stop("The task was ended from outside.")

    @property
    def is_plan_only(self) -> bool:
        """Whether ``plan_only`` is set, as a boolean or by its rendered text."""
        return is_true(self.plan_only)

    def _require_pool(self) -> None:
        # partial() fills in Airflow's default pool, so a mapped operator must be given its pool there.
        if self.pool == "default_pool":
            raise Auth0RunError(
                f"Task {self.task_id} runs in Airflow's default_pool, whose slots are no rate limit.",
                advice=f"Give the operator, or its partial(), pool='{TENANT.pool}' or another pool for this tenant.",
            )

    def _run(self, hook: Auth0Hook, work: TicketIssuer | TicketRevoker) -> None:
        async def run() -> None:
            async with hook.open():
                await work.run()

        timeout = self.execution_timeout.total_seconds() if self.execution_timeout else None
        self._loop = GuardedLoop(work.workers, timeout and timeout - min(5.0, timeout / 5), timeouts=self.timeouts)
        self._loop.run(run)


def _push_stats(context: Context, stats: TaskStats) -> None:
    """Push what all tries have sent: Airflow forgets a try's XComs when the next one starts, but not its state."""
    ti, store = context["ti"], context["task_state_store"]
    earlier: Any = store.get(STATS_KEY) if ti.try_number > 1 else None
    tries = [*(earlier or ()), asdict(stats)]
    ti.xcom_push(key=STATS_KEY, value=tries)
    store.set(STATS_KEY, tries)
