"""How many requests a second the tenant gets, as far as the api-server knows."""

from __future__ import annotations

from dataclasses import dataclass

from airflow.models.pool import Pool
from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.runtime.pool import POOL, seconds_needed
from sqlalchemy import select
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Tenant:
    """
    The connection to the tenant, and the pool that is its rate limit.

    :param settings: None if the api-server can't see the connection; ``problem`` then says why.
    """

    slots: int
    settings: Auth0Settings | None
    problem: str = ""

    @property
    def requests_per_slot(self) -> float:
        """Requests a second of a slot; 1 if the connection is unknown."""
        return self.settings.requests_per_slot if self.settings else 1.0

    @property
    def rate(self) -> float:
        """Requests a second of all slots."""
        return self.slots * self.requests_per_slot

    def seconds(self, requests: int, tasks: int) -> float | None:
        """Return how long the requests of so many mapped tasks take; None if the pool has no slot."""
        return seconds_needed(requests, self.slots, tasks, self.requests_per_slot)


def read_tenant(session: Session) -> Tenant:
    """Read connection and pool."""
    slots = session.scalar(select(Pool.slots).where(Pool.pool == POOL)) or 0
    try:
        return Tenant(slots, Auth0Hook().settings)
    except Auth0ConnectionError as error:
        return Tenant(slots, None, str(error))
