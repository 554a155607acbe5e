"""How many requests a second the tenant gets, as far as the api-server knows."""

from __future__ import annotations

from dataclasses import dataclass

from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.models import TENANT, Capacity

from sso_ui.airflow import pool_slots


@dataclass(frozen=True)
class Tenant:
    """
    The connection to the tenant, and the pool that is its rate limit.

    :param capacity: with one request a second of a slot if the connection is unknown.
    :param settings: None if the api-server can't see the connection; ``problem`` then says why.
    """

    capacity: Capacity
    settings: Auth0Settings | None
    problem: str = ""


def read_tenant() -> Tenant:
    """Read connection and pool."""
    slots = pool_slots(TENANT.pool)
    try:
        settings = Auth0Hook(TENANT.auth0_conn_id).settings
    except Auth0ConnectionError as error:
        return Tenant(Capacity(slots, 1.0), None, str(error))
    return Tenant(Capacity(slots, settings.requests_per_slot), settings)
