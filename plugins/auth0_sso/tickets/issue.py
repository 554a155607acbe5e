"""Issue the tickets of a batch: decide from the ledger, ask Auth0 at the pool's pace, write down what came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from auth0_sso.exceptions import Auth0Error, Auth0ProfileError, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import NO_ANSWER, Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from auth0_sso.runtime.worker_pool import WorkerPool, worker_count
from auth0_sso.tickets.batch import Organization, Prospect, TicketRequest, prospects_of
from auth0_sso.tickets.decide import Action, decide
from auth0_sso.tickets.outcomes import Outcome, outcome, outcomes_of
from auth0_sso.tickets.request import TicketRequester
from auth0_sso.tickets.revoke import is_revoked_first, revoke_entry

log = structlog.get_logger(logger_name="task")

_LOST = "The task ended before the answer came: clear it, or run again."


@dataclass(frozen=True)
class IssueOptions:
    """
    How to issue.

    :param profile_id: the self-service profile of rows that name none.
    :param custom_domain: the custom domain of rows that name none, or empty.
    :param reissue: replace tickets that still live.
    :param dry_run: everything but the calls.
    :param retry_budget: seconds for which bad weather may hold up one prospect's request.
    """

    profile_id: str = ""
    custom_domain: str = ""
    reissue: bool = False
    dry_run: bool = False
    retry_budget: float = DEFAULT_TIMEOUTS.retry_budget


class TicketIssuer:
    """
    Issue the tickets of some organizations and keep each row's outcome.

    :param organizations: whose tickets, see :mod:`auth0_sso.tickets.batch`.
    :param hook: a hook with a pacer, opened while ``run`` runs.
    :param ledger: where intents and results are written.
    :param attempt: the run that issues.
    :param options: how.
    """

    def __init__(
        self,
        organizations: Sequence[Organization],
        hook: Auth0Hook,
        ledger: Ledger,
        attempt: RunAttempt,
        options: IssueOptions,
    ) -> None:
        self._organizations = organizations
        self._requests = [request for organization in organizations for request in organization.requests]
        self._hook = hook
        self._ledger = ledger
        self._attempt = attempt
        self._options = options
        self._outcomes: dict[int, Outcome] = {}
        self._transient_error: Auth0TransientError | None = None
        size = worker_count(hook.require_rate_limiter().rate)
        self._workers: WorkerPool[Prospect] = WorkerPool(self._process_and_record, size)
        self._outage = OutageTimer()
        self._requester = TicketRequester(hook, ledger, attempt, self._workers, self._outage)

    async def run(self) -> None:
        """
        Settle every row.

        :raises Auth0RunError: if nothing can succeed until settings are mended.
        """
        prospects = self._prospects()
        try:
            await self._workers.run(prospects)
        finally:
            for prospect in prospects:
                self._note_if_lost(prospect)
            log.info("Rows by status", **Counter(self._outcome(request).status for request in self._requests))

    def stop(self, reason: str) -> None:
        """Send nothing more; what is under way is still answered and written down."""
        self._workers.stop(reason)

    def results(self) -> list[dict[str, Any]]:
        """Return the outcomes, one entry an organization; rows that were not reached are ``not_attempted``."""
        return [
            {
                "organization_id": organization.organization_id,
                "organization_name": organization.organization_name,
                "tickets": [self._outcome(request).as_dict() for request in organization.requests],
            }
            for organization in self._organizations
        ]

    def raise_if_incomplete(self) -> None:
        """
        Check that every row has what it asked for.

        :raises Auth0TransientError: if trying again later may help.
        :raises Auth0RowError: if Auth0 refused rows.
        """
        outcomes = [self._outcome(request) for request in self._requests]
        failed = [f"row {outcome.row}: {outcome.error}" for outcome in outcomes if outcome.status == "failed"]
        unreached = sum(outcome.status == "not_attempted" for outcome in outcomes)
        incomplete = (
            f"{len(failed)} of {len(outcomes)} rows failed, {unreached} were not attempted. {' | '.join(failed[:5])}"
        )
        if self._transient_error is not None or self._workers.stopped:
            raise Auth0TransientError(incomplete, advice=self._workers.stopped)
        if failed:
            raise Auth0RowError(incomplete, advice="Then clear this task or run again: the others are done.")

    def _outcome(self, request: TicketRequest) -> Outcome:
        return self._outcomes.get(request.row) or outcome(request, "not_attempted", error=self._workers.stopped)

    def _prospects(self) -> list[Prospect]:
        return prospects_of(self._requests, self._spec)

    def _spec(self, request: TicketRequest) -> TicketSpec:
        return TicketSpec(
            tenant=self._hook.settings.domain,
            profile_id=request.profile_id or self._options.profile_id,
            organization_id=request.organization_id,
            organization_name=request.organization_name,
            prospect=request.prospect,
            connection_name=request.connection_name,
            body=request.body,
            custom_domain=request.custom_domain or self._options.custom_domain,
        )

    async def _process_and_record(self, prospect: Prospect) -> None:
        retry_budget = RetryBudget(self._options.retry_budget, self._outage, self._hook.timeouts)
        try:
            if len(prospect.rows) > 1:
                prospect = prospect.as_asked_before(await self._requester.look_up(prospect.spec), self._ledger.now())
            entry, planned = await self._process(prospect.spec, prospect.requests[0], retry_budget)
            now = self._ledger.now()
            rows = outcomes_of(prospect.requests, prospect.spec, entry, planned=planned, attempt=self._attempt, now=now)
            self._outcomes.update((finished.row, finished) for finished in rows)
        except Auth0TransientError as error:
            self._transient_error = error
            self._note_failure(prospect, error)
            if self._outage.seconds >= self._options.retry_budget:  # it isn't this row
                self._workers.stop(self._outage.reason(error))
        except Auth0RowError as error:  # its old link can't be revoked
            self._note_failure(prospect, error)
        except Auth0RunError as error:
            self._note_failure(prospect, error)
            if not (isinstance(error, Auth0ProfileError) and prospect.requests[0].profile_id):
                raise

    async def _process(
        self, spec: TicketSpec, request: TicketRequest, retry_budget: RetryBudget
    ) -> tuple[Entry | None, bool]:
        """Bring a prospect to a known state; return its entry, and whether its request is only planned."""
        while True:
            entry = await self._requester.look_up(spec)
            action = decide(entry, spec, self._attempt, reissue=self._options.reissue, now=self._ledger.now())
            if action is Action.KEEP or self._options.dry_run:
                return entry, action is not Action.KEEP
            asks = False
            try:
                if action is Action.WAIT:
                    await asyncio.sleep(retry_budget.look_again())
                elif entry is not None and await is_revoked_first(action, self._hook):
                    await revoke_entry(entry, self._hook, self._ledger, self._attempt.run, self._workers)
                else:
                    asks = True
                    return await self._requester.spec(spec, entry, own_profile=bool(request.profile_id)), False
            except StaleEntryError:
                log.info("Another task has asked for this prospect meanwhile; looking again", row=request.row)
            except Auth0TransientError as error:
                if self._workers.stopped:
                    raise
                wait = retry_budget.next_delay(error, risked=asks)
                log.warning("Auth0 is out of sorts; waiting", row=request.row, reason=str(error))
                await asyncio.sleep(wait)

    def _note_failure(self, prospect: Prospect, error: Auth0Error | str) -> None:
        entry, now = self._requester.last_known(prospect.spec), self._ledger.now()
        for request in prospect.requests:
            self._outcomes[request.row] = outcome(request, "failed", error=str(error), entry=entry, now=now)

    def _note_if_lost(self, prospect: Prospect) -> None:
        """Say so if the work was ended between an intent and its result: a ticket may exist that nobody has seen."""
        entry = self._requester.last_known(prospect.spec)
        unsettled = prospect.requests[0].row not in self._outcomes
        if unsettled and entry and self._attempt.owns(entry) and entry.status in NO_ANSWER:
            self._note_failure(prospect, entry.error or _LOST)
