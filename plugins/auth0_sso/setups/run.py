"""What the tasks of a run do that follows the setups."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auth0_sso.airflow_internals import task_log
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import ProspectSetup, TaskStats, TenantAccess
from auth0_sso.setups.follow import SetupFollower

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance

_DRY_RUN = "Dry run: nothing was read, so this is what the ledger knew before."


@dataclass(frozen=True)
class SetupsRead:
    """
    What a run has read.

    :param notes: sentences about what it could not find out.
    :param stats: what it has sent.
    :param has_changed: whether a setup has come further, or back, or may have in an earlier try of the task.
    """

    notes: list[str]
    stats: TaskStats
    has_changed: bool = False


def read_setups(ti: TaskInstance, tenant: TenantAccess, *, renew_token: bool, dry_run: bool) -> SetupsRead:
    """
    Find out how far the setups have come, and keep it in the ledger. Call it in a task of the pool.

    :param renew_token: whether a token that lacks a scope is renewed, see :class:`SetupReader`.
    :param dry_run: everything but the calls.
    :raises NoReadingScopeError: if the token has none of the scopes with which anything can be found out.
    :raises Auth0Error: as :class:`~auth0_sso.hooks.reading.SetupReader`.
    """
    with closing(open_ledger()) as ledger:
        hook = Auth0Hook(tenant.auth0_conn_id, token_store=LedgerTokenStore(ledger.database))
        hook.rate_limiter = hook.settings.rate_limiter(ti.task.pool_slots, ti.start_date)
        started = ti.start_date.timestamp()
        if dry_run:
            return SetupsRead([_DRY_RUN], hook.rate_limiter.stats(started))
        follower = SetupFollower(hook, ledger)
        notes = asyncio.run(_follow(hook, follower, renew_token=renew_token))
        for note in notes:
            task_log.warning(note)
        sent = hook.rate_limiter.stats(started)
        stats = replace(sent, rate_limited=follower.reader.rate_limited)
        # A try that ended early may have kept changes that no report has told of.
        return SetupsRead(notes, stats, follower.has_changed or ti.try_number > 1)


async def _follow(hook: Auth0Hook, follower: SetupFollower, *, renew_token: bool) -> list[str]:
    async with hook.open():
        return await follower.run(renew_token=renew_token)


def prospect_setups(tenant: TenantAccess) -> list[ProspectSetup]:
    """Return the prospects that the ledger knows of the tenant, and how far their setups have come."""
    domain = Auth0Hook(tenant.auth0_conn_id).settings.domain
    with closing(open_ledger()) as ledger:
        entries = ledger.entries_of_tenant(domain)
        followed = SetupLog(ledger.database, domain).followed({entry.connection_name for entry in entries})
        return [followed[entry.connection_name].of_prospect(entry, ledger.now()) for entry in entries]
