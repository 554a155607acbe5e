"""The operators that create and revoke self-service SSO access tickets."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import TicketRequest, is_true
from auth0_sso.operators.links import ReportLink
from auth0_sso.operators.requests import organizations_of, reported_tickets
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.pool import POOL
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.batch import IssuedTicket, Organization, read_batch, read_tickets
from auth0_sso.tickets.collect import STATS_KEY
from auth0_sso.tickets.issue import IssueOptions, TicketIssuer
from auth0_sso.tickets.revoke import TicketRevoker
from auth0_sso.tickets.select import select_tickets

if TYPE_CHECKING:
    from airflow.sdk import Context


class _Work(Protocol):
    """What an operator does on its event loop."""

    async def run(self) -> None: ...
    def stop(self, reason: str) -> None: ...
    def results(self) -> list[dict[str, Any]]: ...
    def raise_if_incomplete(self) -> None: ...


class SsoTicketsOperator(BaseOperator):
    """
    What the operators share: the ledger, the pace of their pool slots, and an event loop of their own.

    The attribute ``timeouts`` says how long they wait.

    :param batch: ``{"label": str, "batch": str}``: what a mapped instance is called, and the path or URI of its batch
        file, see :mod:`auth0_sso.tickets.batch`. (templated)
    :param auth0_conn_id: the Airflow connection, of type ``auth0``. (templated)
    :param plan_only: everything but the calls. (templated)
    :param ledger_id: the identity of the ledger the run was planned with; empty: not checked. (templated)
    :param retry_budget: seconds for which a busy or unreachable tenant may hold up one ticket.
    """

    template_fields: Sequence[str] = ("batch", "auth0_conn_id", "plan_only", "ledger_id")
    operator_extra_links = (ReportLink(),)
    ui_color = "#f6e6dc"
    timeouts: Timeouts = DEFAULT_TIMEOUTS

    def __init__(
        self,
        *,
        batch: Mapping[str, str] | None = None,
        auth0_conn_id: str = Auth0Hook.default_conn_name,
        plan_only: bool | str = False,
        ledger_id: str = "",
        retry_budget: float = DEFAULT_TIMEOUTS.retry_budget,
        pool: str = POOL,
        retry_policy: Auth0RetryPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool=pool, retry_policy=retry_policy or Auth0RetryPolicy(), **kwargs)
        self.batch = batch
        self.auth0_conn_id = auth0_conn_id
        self.plan_only = plan_only
        self.ledger_id = ledger_id
        self.retry_budget = retry_budget
        self._loop: GuardedLoop | None = None

    @abstractmethod
    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> _Work:
        """Return what there is to do."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Do the batch's work; push its results and ``stats`` also when it fails."""
        ti = context["ti"]
        self._require_pool()
        with closing(open_ledger()) as ledger:
            ledger.database.require_identity(self.ledger_id)
            token_store = LedgerTokenStore(ledger.database)
            hook = Auth0Hook(self.auth0_conn_id, token_store=token_store, timeouts=self.timeouts)
            hook.rate_limiter = hook.settings.rate_limiter(self.pool_slots, ti.start_date, self.timeouts)
            work = self.work(hook, ledger, RunAttempt.of(context["dag_run"], ti.max_tries))
            try:
                self._run(hook, work)
                work.raise_if_incomplete()
            except BaseException:
                ti.xcom_push(key="return_value", value=work.results())
                raise
            finally:
                _push_stats(context, _stats(hook.rate_limiter, ti.start_date))
            return work.results()

    def on_kill(self) -> None:
        """Send nothing more; what is under way is answered and written down."""
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
                advice=f"Give the operator, or its partial(), pool='{POOL}' or another pool for this tenant.",
            )

    def _run(self, hook: Auth0Hook, work: _Work) -> None:
        async def run() -> None:
            async with hook.open():
                await work.run()

        timeout = self.execution_timeout.total_seconds() if self.execution_timeout else None
        self._loop = GuardedLoop(work, timeout and timeout - min(5.0, timeout / 5), timeouts=self.timeouts)
        self._loop.run(run)


class CreateSsoTicketsOperator(SsoTicketsOperator):
    """
    Create access tickets, those of a list of requests or of a batch file.

    It sends at the rate of its pool slots, records an intent in the ledger before each request and the result after it,
    and reuses valid tickets. A retry sends only what is not finished. The outcomes are pushed as XCom ``return_value``
    also when the task fails: a list of ``{"organization_id", "organization_name", "tickets": [outcome, …]}`` with the
    report's columns, **ticket URLs among them**. XCom ``stats`` says what was sent when, one entry a try.

    :param requests: :class:`TicketRequest` objects, or mappings with their fields; ``organization_id`` and ``body`` are
        needed. (templated)
    :param profile_id: self-service profile of requests that name none; empty: the connection's. (templated)
    :param on_existing: ``reuse`` a valid ticket, or ``reissue``: revoke it, then create. (templated)
    :raises Auth0RowError: if Auth0 refused a request; the others are done.
    :raises Auth0RunError: if nothing can succeed until settings are fixed.
    :raises Auth0TransientError: if Auth0 was busy, down or out of reach for too long, or the task was ended early.
    :raises ValueError: if a request is wrong, or not exactly one of ``requests`` and ``batch`` is given.
    """

    template_fields: Sequence[str] = (*SsoTicketsOperator.template_fields, "requests", "profile_id", "on_existing")

    def __init__(
        self,
        *,
        requests: Sequence[TicketRequest | Mapping[str, Any]] | None = None,
        profile_id: str = "",
        on_existing: str = "reuse",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = requests
        self.profile_id = profile_id
        self.on_existing = on_existing

    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> TicketIssuer:
        """Return the issuer of the tickets."""
        options = IssueOptions(
            profile_id=self.profile_id or hook.settings.profile_id,
            custom_domain=hook.settings.custom_domain,
            reissue=self.on_existing == "reissue",
            dry_run=self.is_plan_only,
            retry_budget=self.retry_budget,
        )
        return TicketIssuer(self._organizations(), hook, ledger, attempt, options)

    def _organizations(self) -> list[Organization]:
        if (self.requests is None) == (self.batch is None):
            raise ValueError(f"Task {self.task_id} needs one of requests and batch.")
        return read_batch(self.batch["batch"]) if self.batch is not None else organizations_of(self.requests or ())


class RevokeSsoTicketsOperator(SsoTicketsOperator):
    """
    Revoke tickets that the ledger knows: of a list of outcomes, of organizations, or of a batch file.

    The results are pushed as XCom ``return_value`` also when the task fails, see
    :meth:`auth0_sso.tickets.revocations.TicketState.as_dict`.

    :param tickets: what :class:`CreateSsoTicketsOperator` returned, or outcomes of it, with ``ticket_id`` and
        ``expires_at``. (templated)
    :param organization_ids: organizations whose valid tickets are revoked, added to ``tickets``. (templated)
    :raises Auth0RowError: if Auth0 refused to revoke a ticket; the others are done.
    :raises Auth0RunError: if nothing can succeed until settings are fixed, or nothing is selected.
    :raises Auth0TransientError: if Auth0 was busy, down or out of reach for too long, or the task was ended early.
    """

    template_fields: Sequence[str] = (*SsoTicketsOperator.template_fields, "tickets", "organization_ids")

    def __init__(
        self,
        *,
        tickets: Sequence[Mapping[str, Any]] = (),
        organization_ids: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tickets = tickets
        self.organization_ids = organization_ids

    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> TicketRevoker:
        """Return the revoker of the tickets."""
        tickets, finished = self._selected(attempt)
        return TicketRevoker(
            tickets,
            hook,
            ledger,
            attempt.run,
            finished=finished,
            dry_run=self.is_plan_only,
            retry_budget=self.retry_budget,
        )

    def _selected(self, attempt: RunAttempt) -> tuple[list[IssuedTicket], list[dict[str, Any]]]:
        if self.batch is not None:
            return read_tickets(self.batch["batch"]), []
        reported = list(reported_tickets(self.tickets))
        wanted, finished = select_tickets(attempt, reported=reported, organization_ids=self.organization_ids)
        return [IssuedTicket(**ticket) for ticket in wanted], finished


def _push_stats(context: Context, stats: dict[str, Any]) -> None:
    """Push what all tries have sent: Airflow forgets a try's XComs when the next one starts, but not its state."""
    ti, store = context["ti"], context["task_state_store"]
    earlier: Any = store.get(STATS_KEY) if ti.try_number > 1 else None
    tries = [*(earlier or ()), stats]
    ti.xcom_push(key=STATS_KEY, value=tries)
    store.set(STATS_KEY, tries)


def _stats(rate_limiter: RateLimiter, started: datetime) -> dict[str, Any]:
    return {
        "started": started.timestamp(),
        "finished": time.time(),
        "rate": rate_limiter.rate,
        "burst": rate_limiter.burst,
        "requests": rate_limiter.requests,
        "rate_limited": rate_limiter.rate_limited,
        "sent": {str(second): count for second, count in sorted(rate_limiter.sent.items())},
    }
