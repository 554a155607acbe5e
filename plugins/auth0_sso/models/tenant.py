"""How a tenant is reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TenantAccess:
    """
    The names in Airflow of what leads to a tenant; a second tenant has a second one, and DAGs of its own.

    :param auth0_conn_id: the connection of type ``auth0``.
    :param pool: the pool whose slots are the tenant's rate limit.
    """

    auth0_conn_id: str
    pool: str

    @property
    def slots_variable(self) -> str:
        """The Airflow variable in which tasks read the pool's slots, since they can't read the pool."""
        return f"{self.pool}_slots"


TENANT = TenantAccess(auth0_conn_id="auth0_default", pool="auth0_management_api")
"""The tenant of this project's DAGs and pages."""
