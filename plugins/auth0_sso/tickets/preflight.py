"""Before anything is sent: check what would make every ticket of a run fail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from auth0_sso.airflow_internals import task_log
from auth0_sso.exceptions import Auth0RunError, LedgerError
from auth0_sso.hooks.auth0 import CREATE_SCOPE, READ_PROFILE_SCOPE, REVOKE_SCOPE, Auth0Hook, require_profile_id
from auth0_sso.hooks.identifiers import client_ids
from auth0_sso.ledger.encryption import rotate_keys
from auth0_sso.ledger.store import open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import TenantAccess
from auth0_sso.tickets.decide import Policy

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance


KEEP_DAYS_VARIABLE = "SSO_TICKETS_KEEP_DEAD_URLS_DAYS"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """
    The parameters of a run that creates tickets, as the tasks before it need them.

    :param profile_id: for requests that name none; empty: the connection's. So with ``enabled_clients``.
    :param on_existing: ``reuse`` or ``reissue``, which needs the scope to revoke. So does ``one_link_per_connection``.
    :param on_conflict: ``report`` a connection that exists, or ``edit``: a ticket that finishes it.
    :param dry_run: nothing is sent.
    """

    profile_id: str = ""
    enabled_clients: Sequence[str] = ()
    on_existing: str = "reuse"
    one_link_per_connection: bool = False
    on_conflict: str = "report"
    dry_run: bool = False

    @property
    def policy(self) -> Policy:
        """What the run does about what exists."""
        return Policy(reissue=self.on_existing == "reissue", edit=self.on_conflict == "edit")

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> RunOptions:
        """Return the options among a run's parameters; an empty one has its default."""
        given = {field.name: params[field.name] for field in fields(cls) if params.get(field.name) is not None}
        return cls(**{**given, "enabled_clients": client_ids(given.get("enabled_clients"))})


@dataclass(frozen=True)
class Checked:
    """
    What was found to be in order.

    :param ledger_id: the ledger's identity, for the tasks of the run.
    :param strategies: the identity providers that a profile allows, by profile; only those of profiles that were read.
    """

    ledger_id: str
    strategies: Mapping[str, Collection[str]]


def check_before_creating(
    ti: TaskInstance, tenant: TenantAccess, profile_ids: Collection[str], options: RunOptions
) -> Checked:
    """
    Check the connection, the ledger, the token's scopes and, where the scope allows it, the profiles.

    Before that the ledger's keys are rotated, after it the URLs of tickets are removed that expired long ago. Call it
    in a task of the pool, since it may read profiles.

    :param profile_ids: the profiles of the requests; an empty one stands for the run's or the connection's.
    :raises Auth0RunError: if settings must be fixed first.
    :raises Auth0TransientError: if the tenant is unreachable.
    """
    hook = Auth0Hook(tenant.auth0_conn_id)
    default = options.profile_id or hook.settings.profile_id
    profiles = sorted({one or default for one in profile_ids})
    if "" in profiles:
        raise Auth0RunError(
            "No self-service profile is named.",
            advice="Set profile_id in each request, for the whole run, or in the extras of "
            f"connection '{hook.auth0_conn_id}'.",
        )
    for profile in profiles:
        require_profile_id(profile)
    revokes = options.on_existing == "reissue" or options.one_link_per_connection
    scopes = [CREATE_SCOPE, REVOKE_SCOPE] if revokes else [CREATE_SCOPE]
    return _check(ti, tenant, scopes, profiles, dry_run=options.dry_run)


def check_before_revoking(ti: TaskInstance, tenant: TenantAccess, *, dry_run: bool) -> str:
    """Check the connection, the ledger and the token's scopes as before creating; return the ledger's identity."""
    return _check(ti, tenant, [REVOKE_SCOPE], [], dry_run=dry_run).ledger_id


def _check(
    ti: TaskInstance, tenant: TenantAccess, scopes: Collection[str], profiles: Collection[str], *, dry_run: bool
) -> Checked:
    strategies: Mapping[str, Collection[str]] = {}
    days = _keep_days()
    with closing(open_ledger()) as ledger:
        database = ledger.database
        rotate_keys(database.engine, database.cipher, ledger.now())
        hook = Auth0Hook(tenant.auth0_conn_id, token_store=LedgerTokenStore(database))
        hook.rate_limiter = hook.settings.rate_limiter(ti.task.pool_slots, ti.start_date)
        if not dry_run:
            strategies = asyncio.run(_check_tenant(hook, scopes, profiles))
            if forgotten := ledger.forget_expired_urls(days):
                task_log.info("Removed the URLs of expired links from the ledger", links=forgotten, kept_for_days=days)
    return Checked(database.identity, strategies)


async def _check_tenant(
    hook: Auth0Hook, scopes: Collection[str], profiles: Collection[str]
) -> dict[str, Collection[str]]:
    """Check the token and the profiles; return the identity providers that each profile allows, where it says so."""
    async with hook.open():
        token = await hook.require_scopes(scopes)
        if READ_PROFILE_SCOPE not in token.scopes:
            return {}
        answers = {profile_id: await hook.get_self_service_profile(profile_id) for profile_id in profiles}
    allowed = {profile_id: answer.get("allowed_strategies") for profile_id, answer in answers.items()}
    return {profile_id: strategies for profile_id, strategies in allowed.items() if isinstance(strategies, list)}


def _keep_days() -> int:
    """Return for how many days the ledger keeps the URL of a ticket that doesn't work any more."""
    text = os.environ.get(KEEP_DAYS_VARIABLE, "").strip() or "30"
    if not (text.isascii() and text.isdecimal()):
        raise LedgerError(
            f"{KEEP_DAYS_VARIABLE} is '{text}'.",
            advice="Set it to a whole number of days, 0 or more, for which the URLs of expired links are kept.",
        )
    return int(text)
