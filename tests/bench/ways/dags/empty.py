"""A DAG whose mapped tasks do nothing: what Airflow itself costs."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

POOL = "naive"


@task
def list_organizations(*, params: dict[str, Any]) -> list[str]:
    """Return the organizations' ids."""
    return [f"org_{number:05d}" for number in range(params["organizations"])]


@task(pool=POOL)
def create_tickets(organization_id: str) -> None:
    """Do nothing."""


@dag(schedule=None, max_active_tasks=1000, params={"organizations": Param(100, type="integer")})
def empty() -> None:
    """Organizations → nothing."""
    create_tickets.expand(organization_id=list_organizations())


empty()
