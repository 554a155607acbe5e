"""What a run that creates tickets will do, said before anything is sent: from the ledger, without a request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from airflow.sdk import Variable

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.store import open_ledger
from auth0_sso.models import Capacity, Forecast, TenantAccess, TicketRequest, first_lines, iso, name_some
from auth0_sso.runtime.pool import read_slots
from auth0_sso.tickets.batch import spec_of
from auth0_sso.tickets.decide import Expected, count_expected, expected_actions
from auth0_sso.tickets.preflight import RunOptions

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol

_GOOGLE = "google-apps"
_MAX_LINES = 20


def forecast(
    requests: Iterable[TicketRequest],
    dag_run: DagRunProtocol,
    tenant: TenantAccess,
    options: RunOptions,
    strategies: Mapping[str, Collection[str]],
) -> Forecast:
    """
    Say what a run would do now, from the ledger alone. Nothing is sent.

    :param strategies: the identity providers that each profile allows, see
        :class:`~auth0_sso.tickets.preflight.Checked`.
    """
    settings = Auth0Hook(tenant.auth0_conn_id).settings
    specs = [spec_of(one, settings, options.profile_id, options.enabled_clients) for one in requests]
    one_link = options.one_link_per_connection
    with closing(open_ledger()) as ledger:
        run = RunAttempt.of(dag_run)
        expected = list(expected_actions(ledger, specs, run, options.policy, one_link_per_connection=one_link))
        is_empty = ledger.is_empty()
    by_organization: Counter[str] = Counter()
    for one in expected:
        by_organization[one.group.first.request.organization_id] += one.requests
    return Forecast(
        counts=count_expected(expected),
        requests=by_organization,
        capacity=read_capacity(tenant),
        tenant=settings.domain,
        profile_id=options.profile_id or settings.profile_id,
        has_default_clients=bool(options.enabled_clients or settings.enabled_clients),
        revocations=list(_revocations(expected)),
        warnings=[*other_link_warnings(expected), *_workspace_warnings(specs, strategies)],
        ledger_is_empty=is_empty,
    )


def read_capacity(tenant: TenantAccess) -> Capacity:
    """Return what the run's mapped tasks share, from the variable that has the slots of the tenant's pool."""
    slots = read_slots(str(Variable.get(tenant.slots_variable, default="")))
    return Capacity(max(slots or 0, 0), Auth0Hook(tenant.auth0_conn_id).settings.requests_per_slot)


def other_link_warnings(expected: Iterable[Expected]) -> list[str]:
    """Return a sentence for each valid link that another prospect, without a row, has for a row's connection."""
    lines = []
    for one in expected:
        then = "it is revoked first" if one.revoked_others else "revoke it on the page Customers if it must not work"
        lines += [f"row {one.group.first.request.row}: {link_of_other(other)}; {then}" for other in one.others]
    return first_lines(lines, _MAX_LINES, "{:,} more rows have such a second valid link")


def link_of_other(entry: Entry) -> str:
    """Return the sentence about a link of another prospect for the same connection."""
    if entry.is_valid(time.time()):
        return f"{entry.person} has a valid link for this connection until {iso(entry.expires_at)}"
    return f"{entry.person} has a link for this connection that may still work"


def _revocations(expected: Iterable[Expected]) -> Iterator[str]:
    for one in expected:
        row = f"row {one.group.first.request.row}"
        if one.would == "replace" and one.entry is not None:
            yield f"{row}: {one.entry.person} has a valid link until {iso(one.entry.expires_at)}, which is replaced"
        yield from (f"{row}: {link_of_other(other)}" for other in one.revoked_others)


def _workspace_warnings(specs: Iterable[TicketSpec], strategies: Mapping[str, Collection[str]]) -> Iterator[str]:
    rows: dict[str, list[int]] = {}
    for spec in specs:
        provisioning = spec.body.get("provisioning_config") or {}
        allowed = strategies.get(spec.profile_id)
        if allowed is not None and _GOOGLE not in allowed and provisioning.get("google_workspace"):
            rows.setdefault(spec.profile_id, []).append(spec.request.row)
    for profile_id, numbers in rows.items():
        yield (
            f"the profile {profile_id} does not allow {_GOOGLE}, so Auth0 refuses google_workspace"
            f"{name_some(numbers, 'row')}: allow it in the profile, or name another profile"
        )
