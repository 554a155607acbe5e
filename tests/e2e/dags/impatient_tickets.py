"""A DAG whose task has too little time, for the test of timeouts."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag
from auth0_sso.operators import CreateSsoTicketsOperator
from auth0_sso.pool import POOL


@dag(schedule=None, params={"batch": Param("", type="string")})
def impatient_tickets() -> None:
    """Create the tickets of one batch within five seconds."""
    CreateSsoTicketsOperator(
        task_id="create_tickets",
        batch={"label": "impatient", "batch": "{{ params.batch }}"},
        pool=POOL,
        execution_timeout=timedelta(seconds=5),
        retries=0,
    )


impatient_tickets()
