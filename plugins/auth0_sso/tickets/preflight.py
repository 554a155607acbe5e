"""Before anything is sent: check what would make every ticket of a run fail, and forecast what the run will do."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import Variable

from auth0_sso.exceptions import Auth0RunError, LedgerError
from auth0_sso.hooks.auth0 import CREATE_SCOPE, READ_PROFILE_SCOPE, REVOKE_SCOPE, Auth0Hook
from auth0_sso.hooks.identifiers import require_profile_id
from auth0_sso.ledger.encryption import rotate_keys
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.runtime.pool import SLOTS_VARIABLE, Capacity
from auth0_sso.tickets.batch import request_from, spec_of
from auth0_sso.tickets.decide import ExpectedCounts, count_expected, expected_actions

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol, TaskInstance

log = structlog.get_logger(logger_name="task")

_SLOTS = re.compile(r"\s*([0-9]{1,9})( slots)?\s*")
KEEP_DAYS_VARIABLE = "SSO_TICKETS_KEEP_DEAD_URLS_DAYS"


def check_before_creating(
    ti: TaskInstance,
    profile_ids: Collection[str],
    *,
    profile_id: str | None,
    on_existing: str,
    dry_run: bool,
) -> str:
    """
    Check the connection, the ledger, the token's scopes and, where the scope allows it, the profiles.

    Before that the ledger's keys are rotated, after it the URLs of tickets are removed that expired long ago. Call it
    in a task of the pool, since it may read profiles.

    :param profile_ids: the profiles of the requests; an empty one stands for ``profile_id`` or the connection's.
    :param on_existing: ``reissue`` also needs the scope to revoke.
    :param dry_run: nothing is sent.
    :return: the ledger's identity, for the tasks of the run.
    :raises Auth0RunError: if settings must be fixed first.
    :raises Auth0TransientError: if the tenant is unreachable.
    """
    hook = Auth0Hook()
    default = profile_id or hook.settings.profile_id
    profiles = sorted({one or default for one in profile_ids})
    if "" in profiles:
        raise Auth0RunError(
            "No self-service profile is named.",
            advice="Set profile_id in each request, for the whole run, or in the extras of "
            f"connection '{hook.auth0_conn_id}'.",
        )
    for profile in profiles:
        require_profile_id(profile)
    scopes = [CREATE_SCOPE, REVOKE_SCOPE] if on_existing == "reissue" else [CREATE_SCOPE]
    return _check(ti, scopes, profiles, dry_run=dry_run)


def check_before_revoking(ti: TaskInstance, *, dry_run: bool) -> str:
    """Check the connection, the ledger and the token's scopes as before creating; it returns and raises the same."""
    return _check(ti, [REVOKE_SCOPE], [], dry_run=dry_run)


@dataclass(frozen=True)
class Forecast:
    """
    What a run would do now.

    :param requests: how many requests each organization takes, by its id.
    :param ledger_is_empty: as a new one is, which knows no link of an earlier run.
    """

    counts: ExpectedCounts
    requests: Mapping[str, int]
    capacity: Capacity
    ledger_is_empty: bool

    def summary(self, tasks: int) -> dict[str, Any]:
        """
        Return it in numbers, for so many mapped tasks.

        :return: the counts of :class:`~auth0_sso.tickets.decide.ExpectedCounts`, ``requests``, and ``seconds``: how
            long they take at the pool's rate, or None where the pool's slots are not known.
        """
        seconds = self.capacity.seconds(self.counts.requests, tasks)
        rounded = None if seconds is None else round(seconds, 1)
        return {**vars(self.counts), "requests": self.counts.requests, "seconds": rounded}


def forecast(
    rows: Iterable[Mapping[str, Any]], dag_run: DagRunProtocol, *, profile_id: str | None, on_existing: str
) -> Forecast:
    """
    Say what a run would do now, from the ledger alone. Nothing is sent.

    :param rows: the input rows, with the fields of :class:`~auth0_sso.models.TicketRequest`; those with an ``error``
        are never sent.
    """
    settings = Auth0Hook().settings
    specs = (spec_of(request_from(row), settings, profile_id or "") for row in rows if not row["error"])
    with closing(open_ledger()) as ledger:
        expected = list(expected_actions(ledger, specs, RunAttempt.of(dag_run), reissue=on_existing == "reissue"))
        is_empty = ledger.is_empty()
    requests: Counter[str] = Counter()
    for one in expected:
        requests[one.group.first.request.organization_id] += one.requests
    return Forecast(count_expected(expected), requests, read_capacity(), is_empty)


def read_capacity() -> Capacity:
    """Return what the run's mapped tasks share; see :func:`auth0_sso.runtime.pool.publish_slots`."""
    known = _SLOTS.fullmatch(str(Variable.get(SLOTS_VARIABLE, default="")))
    return Capacity(int(known[1]) if known else 0, Auth0Hook().settings.requests_per_slot)


def _check(ti: TaskInstance, scopes: Collection[str], profiles: Collection[str], *, dry_run: bool) -> str:
    days = _keep_days()
    with closing(open_ledger()) as ledger:
        database = ledger.database
        rotate_keys(database.engine, database.cipher, ledger.now())
        hook = Auth0Hook(token_store=LedgerTokenStore(database))
        hook.rate_limiter = hook.settings.rate_limiter(ti.task.pool_slots, ti.start_date)
        if not dry_run:
            asyncio.run(_check_tenant(hook, scopes, profiles))
            if forgotten := ledger.forget_expired_urls(days):
                log.info("Removed the URLs of expired links from the ledger", links=forgotten, kept_for_days=days)
    return database.identity


async def _check_tenant(hook: Auth0Hook, scopes: Collection[str], profiles: Collection[str]) -> None:
    async with hook.open():
        token = await hook.require_scopes(scopes)
        if READ_PROFILE_SCOPE in token.scopes:
            for profile_id in profiles:
                await hook.get_self_service_profile(profile_id)


def _keep_days() -> int:
    """Return for how many days the ledger keeps the URL of a ticket that doesn't work any more."""
    text = os.environ.get(KEEP_DAYS_VARIABLE, "").strip() or "30"
    if not (text.isascii() and text.isdecimal()):
        raise LedgerError(
            f"{KEEP_DAYS_VARIABLE} is '{text}'.",
            advice="Set it to a whole number of days, 0 or more, for which the URLs of expired links are kept.",
        )
    return int(text)
