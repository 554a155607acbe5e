"""Issue the tickets of a batch: decide from the ledger, ask Auth0 at the pool's pace, write down what came."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from auth0_sso.asking import TicketAsker
from auth0_sso.batch import Organization, Outcome, TicketRequest, outcome
from auth0_sso.errors import Auth0Error, Auth0RowError, Auth0RunError, Auth0WeatherError
from auth0_sso.hook import Auth0Hook
from auth0_sso.ledger import Ledger, StaleEntryError
from auth0_sso.records import Ask, Entry, Round, Step, next_step
from auth0_sso.revoking import revoke_entry
from auth0_sso.workers import Workers

log = structlog.get_logger(logger_name="task")

# Enough requests in flight for answers that take this long; more would only be more doubt after a crash.
_SLOW_ANSWER_SECONDS = 4.0
_POLL_SECONDS = 1.0
_LONGEST_BACKOFF = 30.0
# Each request without an answer may have made a ticket, so only so many are risked.
_MAX_UNANSWERED = 3
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
    patience: float = 300.0


@dataclass(frozen=True)
class _Prospect:
    """One ask and the rows that share its ticket."""

    ask: Ask
    requests: list[TicketRequest]


class TicketIssuer:
    """
    Issue the tickets of some organizations and keep each row's outcome.

    :param organizations: whose tickets, see :mod:`auth0_sso.batch`.
    :param hook: a hook with a pacer, opened while ``run`` runs.
    :param ledger: where intents and results are written.
    :param who: the run that issues.
    :param options: how.
    """

    def __init__(
        self, organizations: Sequence[Organization], hook: Auth0Hook, ledger: Ledger, who: Round, options: IssueOptions
    ) -> None:
        self._organizations = organizations
        self._hook = hook
        self._pacer = hook.require_pacer()
        self._ledger = ledger
        self._who = who
        self._options = options
        self._outcomes: dict[int, Outcome] = {}
        self._weather: Auth0WeatherError | None = None
        in_flight = math.ceil(self._pacer.rate * _SLOW_ANSWER_SECONDS) + 1
        self._workers: Workers[_Prospect] = Workers(self._settle_and_note, in_flight)
        self._asker = TicketAsker(hook, ledger, who, self._workers)

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
        outcomes = [self._outcome(request) for organization in self._organizations for request in organization.requests]
        failed = [f"row {outcome.row}: {outcome.error}" for outcome in outcomes if outcome.status == "failed"]
        unreached = sum(outcome.status == "not_attempted" for outcome in outcomes)
        owed = f"{len(failed)} of {len(outcomes)} rows failed, {unreached} were not attempted. {' | '.join(failed[:5])}"
        if self._weather is not None or self._workers.stopped:
            raise Auth0WeatherError(owed, advice=self._workers.stopped)
        if failed:
            raise Auth0RowError(owed, advice="Then clear this task or run again: the others are done.")

    def _outcome(self, request: TicketRequest) -> Outcome:
        return self._outcomes.get(request.row) or outcome(request, "not_attempted", error=self._workers.stopped)

    def _prospects(self) -> list[_Prospect]:
        """One ask a prospect; a row that repeats one shares its ticket."""
        by_key: dict[str, _Prospect] = {}
        for request in (request for organization in self._organizations for request in organization.requests):
            ask = Ask(
                tenant=self._hook.settings.domain,
                profile_id=request.profile_id or self._options.profile_id,
                organization_id=request.organization_id,
                organization_name=request.organization_name,
                prospect=request.prospect,
                connection_name=request.connection_name,
                body=request.body,
                custom_domain=request.custom_domain or self._options.custom_domain,
            )
            by_key.setdefault(ask.key, _Prospect(ask, [])).requests.append(request)
        return list(by_key.values())

    async def _settle_and_note(self, prospect: _Prospect) -> None:
        try:
            entry, planned = await self._settle(prospect.ask, prospect.requests[0])
            self._note(prospect.requests, entry, planned)
        except Auth0WeatherError as error:
            self._weather = error
            self._note_failure(prospect, error)
        except Auth0RunError as error:
            self._note_failure(prospect, error)
            raise

    async def _settle(self, ask: Ask, request: TicketRequest) -> tuple[Entry | None, bool]:
        """Bring a prospect to a known state; return its entry, and whether its request is only planned."""
        give_up_at = time.monotonic() + self._options.patience
        unanswered = 0
        while True:
            entry = await self._asker.look_up(ask)
            step = next_step(entry, ask, self._who, reissue=self._options.reissue, now=time.time())
            if step is Step.KEEP or self._options.simulate:
                return entry, step is not Step.KEEP
            try:
                if step is Step.WAIT:
                    await asyncio.sleep(_POLL_SECONDS)
                elif step is Step.REPLACE and entry is not None:
                    await revoke_entry(entry, self._hook, self._ledger, self._who.run, self._workers)
                else:
                    return await self._asker.ask(ask, entry, own_profile=bool(request.profile_id)), False
            except StaleEntryError:
                log.info("Another task has asked for this prospect meanwhile; looking again", row=request.row)
            except Auth0WeatherError as error:
                unanswered += error.unanswered and step is Step.CREATE
                if self._workers.stopped or time.monotonic() > give_up_at or unanswered >= _MAX_UNANSWERED:
                    raise
                log.warning("Auth0 is out of sorts; waiting", row=request.row, reason=str(error))
                await asyncio.sleep(_backoff(error, unanswered))

    def _note_failure(self, prospect: _Prospect, error: Auth0Error | str) -> None:
        entry = self._asker.last_known(prospect.ask)
        for request in prospect.requests:
            self._outcomes[request.row] = outcome(request, "failed", error=str(error), entry=entry, now=time.time())

    def _note_if_lost(self, prospect: _Prospect) -> None:
        """Say so if the work was ended between an intent and its result: a ticket may exist that nobody has seen."""
        entry = self._asker.last_known(prospect.ask)
        settled = prospect.requests[0].row in self._outcomes
        if entry is None or settled or entry.run != self._who.run:
            return
        if entry.status in ("asking", "unanswered"):
            self._note_failure(prospect, _LOST)

    def _note(self, requests: Sequence[TicketRequest], entry: Entry | None, planned: bool) -> None:
        status = "planned" if planned or entry is None else entry.status
        if entry is not None and status == "created" and entry.run != self._who.run:
            status = "reused"
        error = entry.error if entry is not None and not planned else ""
        first = requests[0]
        self._outcomes[first.row] = outcome(first, status, error=error, entry=entry, now=time.time())
        for request in requests[1:]:
            shared = "reused" if status == "created" else status
            same = request.body == first.body and request.custom_domain == first.custom_domain
            ignored = "" if same else " What differs from that row is not asked for."
            repeats = f"Repeats row {first.row}: one prospect, one ticket.{ignored} {error}".strip()
            self._outcomes[request.row] = outcome(request, shared, error=repeats, entry=entry, now=time.time())


def _backoff(error: Auth0WeatherError, unanswered: int) -> float:
    # After a 429 the pacer waits; the rest is waited out here.
    return 0.0 if error.status == 429 else min(2.0 ** (unanswered + 1), _LONGEST_BACKOFF)
