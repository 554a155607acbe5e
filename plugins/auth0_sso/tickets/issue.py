"""Issue the tickets of a batch: decide from the ledger, ask Auth0 at the pool's pace, write down what came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from auth0_sso.exceptions import Auth0Error, Auth0ProfileError, Auth0RowError, Auth0RunError, Auth0WeatherError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import Ask, Entry, Round
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.runtime.retry import Patience, Silence
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from auth0_sso.runtime.worker_pool import Workers, workers_for
from auth0_sso.tickets.batch import Organization, Prospect, TicketRequest, prospects_of
from auth0_sso.tickets.decide import Step, next_step
from auth0_sso.tickets.outcomes import Outcome, outcome, outcomes_of
from auth0_sso.tickets.request import TicketAsker
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
    :param simulate: everything but the calls.
    :param patience: seconds for which bad weather may hold up one prospect's request.
    """

    profile_id: str = ""
    custom_domain: str = ""
    reissue: bool = False
    simulate: bool = False
    patience: float = DEFAULT_TIMEOUTS.patience


class TicketIssuer:
    """
    Issue the tickets of some organizations and keep each row's outcome.

    :param organizations: whose tickets, see :mod:`auth0_sso.tickets.batch`.
    :param hook: a hook with a pacer, opened while ``run`` runs.
    :param ledger: where intents and results are written.
    :param who: the run that issues.
    :param options: how.
    """

    def __init__(
        self, organizations: Sequence[Organization], hook: Auth0Hook, ledger: Ledger, who: Round, options: IssueOptions
    ) -> None:
        self._organizations = organizations
        self._requests = [request for organization in organizations for request in organization.requests]
        self._hook = hook
        self._ledger = ledger
        self._who = who
        self._options = options
        self._outcomes: dict[int, Outcome] = {}
        self._weather: Auth0WeatherError | None = None
        size = workers_for(hook.require_pacer().rate)
        self._workers: Workers[Prospect] = Workers(self._settle_and_note, size)
        self._silence = Silence()
        self._asker = TicketAsker(hook, ledger, who, self._workers, self._silence)

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

    def raise_if_owed(self) -> None:
        """
        Check that every row has what it asked for.

        :raises Auth0WeatherError: if trying again later may help.
        :raises Auth0RowError: if Auth0 refused rows.
        """
        outcomes = [self._outcome(request) for request in self._requests]
        failed = [f"row {outcome.row}: {outcome.error}" for outcome in outcomes if outcome.status == "failed"]
        unreached = sum(outcome.status == "not_attempted" for outcome in outcomes)
        owed = f"{len(failed)} of {len(outcomes)} rows failed, {unreached} were not attempted. {' | '.join(failed[:5])}"
        if self._weather is not None or self._workers.stopped:
            raise Auth0WeatherError(owed, advice=self._workers.stopped)
        if failed:
            raise Auth0RowError(owed, advice="Then clear this task or run again: the others are done.")

    def _outcome(self, request: TicketRequest) -> Outcome:
        return self._outcomes.get(request.row) or outcome(request, "not_attempted", error=self._workers.stopped)

    def _prospects(self) -> list[Prospect]:
        return prospects_of(self._requests, self._ask)

    def _ask(self, request: TicketRequest) -> Ask:
        return Ask(
            tenant=self._hook.settings.domain,
            profile_id=request.profile_id or self._options.profile_id,
            organization_id=request.organization_id,
            organization_name=request.organization_name,
            prospect=request.prospect,
            connection_name=request.connection_name,
            body=request.body,
            custom_domain=request.custom_domain or self._options.custom_domain,
        )

    async def _settle_and_note(self, prospect: Prospect) -> None:
        patience = Patience(self._options.patience, self._silence, self._hook.timeouts)
        try:
            if len(prospect.rows) > 1:
                prospect = prospect.as_asked_before(await self._asker.look_up(prospect.ask), self._ledger.now())
            entry, planned = await self._settle(prospect.ask, prospect.requests[0], patience)
            now = self._ledger.now()
            rows = outcomes_of(prospect.requests, prospect.ask, entry, planned=planned, who=self._who, now=now)
            self._outcomes.update((settled.row, settled) for settled in rows)
        except Auth0WeatherError as error:
            self._weather = error
            self._note_failure(prospect, error)
            if self._silence.seconds >= self._options.patience:  # it isn't this row
                self._workers.stop(self._silence.reason(error))
        except Auth0RowError as error:  # its old link can't be revoked
            self._note_failure(prospect, error)
        except Auth0RunError as error:
            self._note_failure(prospect, error)
            if not (isinstance(error, Auth0ProfileError) and prospect.requests[0].profile_id):
                raise

    async def _settle(self, ask: Ask, request: TicketRequest, patience: Patience) -> tuple[Entry | None, bool]:
        """Bring a prospect to a known state; return its entry, and whether its request is only planned."""
        while True:
            entry = await self._asker.look_up(ask)
            step = next_step(entry, ask, self._who, reissue=self._options.reissue, now=self._ledger.now())
            if step is Step.KEEP or self._options.simulate:
                return entry, step is not Step.KEEP
            asks = False
            try:
                if step is Step.WAIT:
                    await asyncio.sleep(patience.look_again())
                elif entry is not None and await is_revoked_first(step, self._hook):
                    await revoke_entry(entry, self._hook, self._ledger, self._who.run, self._workers)
                else:
                    asks = True
                    return await self._asker.ask(ask, entry, own_profile=bool(request.profile_id)), False
            except StaleEntryError:
                log.info("Another task has asked for this prospect meanwhile; looking again", row=request.row)
            except Auth0WeatherError as error:
                if self._workers.stopped:
                    raise
                wait = patience.bear(error, risked=asks)
                log.warning("Auth0 is out of sorts; waiting", row=request.row, reason=str(error))
                await asyncio.sleep(wait)

    def _note_failure(self, prospect: Prospect, error: Auth0Error | str) -> None:
        entry, now = self._asker.last_known(prospect.ask), self._ledger.now()
        for request in prospect.requests:
            self._outcomes[request.row] = outcome(request, "failed", error=str(error), entry=entry, now=now)

    def _note_if_lost(self, prospect: Prospect) -> None:
        """Say so if the work was ended between an intent and its result: a ticket may exist that nobody has seen."""
        entry = self._asker.last_known(prospect.ask)
        unsettled = prospect.requests[0].row not in self._outcomes
        if unsettled and entry and self._who.owns(entry) and entry.status in ("asking", "unanswered"):
            self._note_failure(prospect, entry.error or _LOST)
