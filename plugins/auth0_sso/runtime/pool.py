"""
The pool whose slots are the rate limit; made when it is missing, never resized.

Its promise and the exceptions to it are told in :mod:`auth0_sso.runtime.rate_limiter`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

POOL = "auth0_management_api"
# What the smallest plan of Auth0 allows: two requests a second, two at once.
SMALLEST_PLAN_SLOTS = 2

log = logging.getLogger(__name__)


def ensure_pool(session: Session) -> bool:
    """
    Make the pool if it is missing; needs Airflow's database, so for its services, not for tasks.

    :param session: a session of Airflow's database; the caller commits.
    :return: whether it was made.
    """
    from airflow.models.pool import Pool
    from sqlalchemy import insert, select
    from sqlalchemy.exc import IntegrityError

    if session.scalar(select(Pool.id).where(Pool.pool == POOL)) is not None:
        return False
    values = {
        "pool": POOL,
        "slots": SMALLEST_PLAN_SLOTS,
        "description": "The Auth0 rate limit: each slot stands for requests_per_slot requests a second.",
        "include_deferred": False,
    }
    connection = session.connection()
    try:
        # A savepoint keeps what else the caller's transaction holds. The scheduler forbids its session's own.
        with connection.begin_nested():
            connection.execute(insert(Pool).values(**values))
    except IntegrityError:  # several services start at once; another one was faster
        return False
    log.warning("Pool '%s' was missing; made with %d slots. Size it to your Auth0 plan.", POOL, SMALLEST_PLAN_SLOTS)
    return True
