"""Issue the tickets of a batch: decide from the ledger, request them at the pool's rate, record what came back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from auth0_sso.airflow_internals import task_log
from auth0_sso.exceptions import Auth0Error, Auth0ProfileError, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.setup_log import NOT_FOLLOWED, Followed
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import Organization, Outcome, TicketRequest, TicketStatus, first_errors, name_some
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.worker_pool import WorkerPool, worker_count
from auth0_sso.tickets.batch import RequestGroup, body_problem, group_requests, recognized, spec_of
from auth0_sso.tickets.decide import (
    DEFAULT_POLICY,
    NOTHING_SENT,
    Action,
    Decision,
    Policy,
    connection_of,
    decide_with_setup,
    followed_connections,
)
from auth0_sso.tickets.outcomes import (
    conflict_of_setup,
    error_of_connection,
    error_of_kept_link,
    error_without_link,
    group_outcomes,
    outcome_of,
    status_in_run,
    status_left,
)
from auth0_sso.tickets.request import TicketRequester
from auth0_sso.tickets.revoke import is_revoked_first, revoke_entry


class TicketIssuer:
    """
    Issue the tickets of some organizations through an open hook with a rate limiter, and keep each outcome.

    :param profile_id: the self-service profile of requests that name none; empty: the connection's.
    :param enabled_clients: client ids for requests that set none; empty: the connection's.
    :param policy: what to do about tickets and connections that exist.
    :param one_link_per_connection: first revoke the valid tickets that prospects outside of these organizations'
        requests have for the same connection.
    :param dry_run: everything but the calls.
    """

    def __init__(
        self,
        organizations: Sequence[Organization],
        hook: Auth0Hook,
        ledger: Ledger,
        attempt: RunAttempt,
        *,
        profile_id: str = "",
        enabled_clients: Sequence[str] = (),
        policy: Policy = DEFAULT_POLICY,
        one_link_per_connection: bool = False,
        dry_run: bool = False,
    ) -> None:
        self._organizations = organizations
        self._requests = [request for organization in organizations for request in organization.requests]
        self._hook = hook
        self._ledger = ledger
        self._attempt = attempt
        self._specs = [spec_of(one, hook.settings, profile_id, enabled_clients) for one in self._requests]
        self._keys: set[str] = set()
        self._connections_without_link: set[str] = set()
        self._policy = policy
        self._followed: dict[tuple[str, str], Followed] = {}
        self._one_link_per_connection = one_link_per_connection
        self._dry_run = dry_run
        self._outcomes: dict[int, Outcome] = {}
        self._transient_error: Auth0TransientError | None = None
        size = worker_count(hook.require_rate_limiter().rate)
        self.workers: WorkerPool[RequestGroup] = WorkerPool(self._process_and_record, size)
        self._outage = OutageTimer()
        self._requester = TicketRequester(hook, ledger, attempt, self.workers, self._outage)

    async def run(self) -> None:
        """Finish every request, unless an Auth0RunError says that none can succeed until settings are fixed."""
        sound = [spec for spec in self._specs if not self._refuse(spec)]
        groups = group_requests(await asyncio.to_thread(recognized, self._ledger, sound))
        self._followed = await asyncio.to_thread(followed_connections, self._ledger, sound)
        self._keys = {group.first.key for group in groups}
        try:
            await self.workers.run(groups)
        finally:
            for group in groups:
                self._record_if_lost(group)
            task_log.info(
                "Rows by status", **Counter(self._outcome(request).status.value for request in self._requests)
            )

    def results(self) -> list[dict[str, Any]]:
        """Return the outcomes, an entry for each organization; requests that were not reached are ``not_attempted``."""
        return [
            {
                "organization_id": organization.organization_id,
                "organization_name": organization.organization_name,
                "tickets": [self._outcome(request).as_dict() for request in organization.requests],
            }
            for organization in self._organizations
        ]

    def raise_if_incomplete(self) -> None:
        """Raise Auth0TransientError if trying again later may help, or Auth0RowError if Auth0 refused requests."""
        outcomes = [self._outcome(request) for request in self._requests]
        failed = [one for one in outcomes if one.status == TicketStatus.FAILED]
        unreached = [one.row for one in outcomes if one.status == TicketStatus.NOT_ATTEMPTED]
        if not failed and not unreached:  # a stop that came after the last request has left nothing undone
            return
        errors = " | ".join(first_errors((f"row {one.row}", one.error) for one in failed))
        incomplete = (
            f"{len(failed)} of {len(outcomes)} rows failed{name_some([one.row for one in failed], 'row')}, "
            f"{len(unreached)} were not attempted{name_some(unreached, 'row')}. {errors}"
        )
        if self._transient_error is not None or self.workers.stopped:
            raise Auth0TransientError(incomplete, advice=self.workers.stopped)
        raise Auth0RowError(incomplete, advice="Then clear this task or run again: the others are done.")

    def _outcome(self, request: TicketRequest) -> Outcome:
        return self._outcomes.get(request.row) or outcome_of(request, TicketStatus.NOT_ATTEMPTED, self.workers.stopped)

    def _refuse(self, spec: TicketSpec) -> bool:
        """Record that a request fails if its body can't be sent; return whether it does."""
        problem = body_problem(spec)
        if problem:
            self._outcomes[spec.request.row] = outcome_of(spec.request, TicketStatus.FAILED, problem)
        return bool(problem)

    async def _process_and_record(self, group: RequestGroup) -> None:
        retry_budget = RetryBudget(self._outage, self._hook.timeouts)
        try:
            if len(group.specs) > 1:
                group = group.led_by(await self._requester.look_up(group.first), self._ledger.now())
            self._record_finished(group, *await self._process(group.first, retry_budget))
        except Auth0TransientError as error:
            self._transient_error = error
            self._record_failure(group, error)
            if self._outage.seconds >= self._hook.timeouts.retry_budget:  # it isn't this request
                self.workers.stop(self._outage.reason(error))
        except Auth0RowError as error:  # its old ticket can't be revoked
            self._record_failure(group, error)
        except Auth0RunError as error:
            self._record_failure(group, error)
            if not (isinstance(error, Auth0ProfileError) and group.first.request.profile_id):
                raise

    async def _process(self, spec: TicketSpec, retry_budget: RetryBudget) -> tuple[Entry | None, Decision]:
        """
        Bring a prospect to a known state; return its entry, and what was decided last.

        Once its ticket is revoked, the request for the next one is sent, even if the work is stopped in between.
        """
        row = spec.request.row
        with ExitStack() as until_replaced:
            while True:
                entry = await self._requester.look_up(spec)
                decision = self._decide(entry, spec)
                action = decision.action
                if self._dry_run:
                    return entry, decision
                if action is Action.WAIT:
                    await asyncio.sleep(retry_budget.look_again())
                    continue
                requested = False
                try:
                    for other in await self._others(spec, entry, action):
                        await self._revoke(other, spec, until_replaced)
                    if action in NOTHING_SENT:
                        return entry, decision
                    if entry is not None and await is_revoked_first(action, self._hook):
                        await self._revoke(entry, spec, until_replaced)
                        continue
                    requested = True
                    return await self._requester.request(decision.spec, entry), decision
                except StaleEntryError:
                    task_log.info("Another task has changed an entry of the ledger meanwhile; looking again", row=row)
                except Auth0TransientError as error:
                    until_replaced.close()
                    if self.workers.stopped:
                        raise
                    delay = retry_budget.next_delay(error, risked=requested)
                    task_log.warning(
                        "Transient error; trying again", row=row, seconds=round(delay, 1), reason=str(error)
                    )
                    await asyncio.sleep(delay)

    def _decide(self, entry: Entry | None, spec: TicketSpec) -> Decision:
        followed = self._followed.get(connection_of(spec), NOT_FOLLOWED)
        return decide_with_setup(entry, spec, self._attempt, self._policy, followed, self._ledger.now())

    async def _revoke(self, entry: Entry, spec: TicketSpec, until_replaced: ExitStack) -> None:
        await revoke_entry(entry, self._hook, self._ledger, self._attempt, self.workers, revoked_for=spec.key)
        until_replaced.enter_context(self.workers.finishing())
        if entry.key != spec.key:
            self._connections_without_link.add(spec.key)

    async def _others(self, spec: TicketSpec, entry: Entry | None, action: Action) -> list[Entry]:
        """Return the entries of other prospects whose tickets are revoked for this one's."""
        is_kept = action is Action.KEEP and entry is not None and entry.is_valid(self._ledger.now())
        has_link = is_kept or action not in NOTHING_SENT
        if not (self._one_link_per_connection and spec.connection and has_link):
            return []
        return await asyncio.to_thread(
            self._ledger.entries_for, spec.tenant, [spec.connection], self._attempt, besides=self._keys
        )

    def _record_finished(self, group: RequestGroup, entry: Entry | None, decision: Decision) -> None:
        if decision.action is Action.FINISH:
            status, error = TicketStatus.FINISHED, ""
        elif decision.action is Action.CONFLICT:
            status, error = TicketStatus.CONFLICT, conflict_of_setup(decision.setup)
        elif entry is None or (self._dry_run and decision.action is not Action.KEEP):
            status, error = TicketStatus.PLANNED, ""
        else:
            status, error = status_in_run(entry, self._attempt)
            if status == TicketStatus.REUSED:
                is_changed = entry.fingerprint != group.first.fingerprint
                is_unwanted = is_changed or self._policy.reissue
                error = error_of_kept_link(entry, decision.setup, is_changed=is_changed, is_unwanted=is_unwanted)
        self._record(group, status, error, entry)

    def _record_failure(self, group: RequestGroup, error: Auth0Error | str) -> None:
        entry = self._requester.last_known(group.first)
        self._record(group, TicketStatus.FAILED, error_without_link(entry, self._attempt, str(error)), entry)

    def _record_if_lost(self, group: RequestGroup) -> None:
        """Report what the work's end has left: a ticket that nobody has seen, or a prospect whose ticket is revoked."""
        if group.first.request.row in self._outcomes:
            return
        entry = self._requester.last_known(group.first)
        left = status_left(entry, self._attempt, self.workers.stopped) if entry is not None else None
        if left is not None:
            self._record(group, *left, entry)
        elif group.first.key in self._connections_without_link:
            self._record(group, TicketStatus.FAILED, self.workers.stopped, entry)

    def _record(self, group: RequestGroup, status: TicketStatus, error: str, entry: Entry | None) -> None:
        has_link = status in (TicketStatus.CREATED, TicketStatus.REUSED)
        if group.first.key in self._connections_without_link and not has_link:
            status, error = TicketStatus.FAILED, error_of_connection(error)
        for outcome in group_outcomes(group.requests, status, error, entry, self._ledger.now()):
            self._outcomes[outcome.row] = outcome
