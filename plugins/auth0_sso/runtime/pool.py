"""The Airflow pool whose slots are the rate limit; see :mod:`auth0_sso.runtime.rate_limiter`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

POOL = "auth0_management_api"
SMALLEST_PLAN_SLOTS = 2  # the smallest Auth0 plan allows two requests a second

log = logging.getLogger(__name__)


def ensure_pool(session: Session) -> bool:
    """Create the pool if it is missing, never change it; return whether it was created. The caller commits."""
    from airflow.models.pool import Pool
    from sqlalchemy import insert, select
    from sqlalchemy.exc import IntegrityError

    if session.scalar(select(Pool.id).where(Pool.pool == POOL)) is not None:
        return False
    description = "The Auth0 rate limit: each slot stands for requests_per_slot requests a second."
    pool = insert(Pool).values(pool=POOL, slots=SMALLEST_PLAN_SLOTS, description=description, include_deferred=False)
    connection = session.connection()
    try:
        # On the connection, since the scheduler's session must not be committed. The savepoint keeps the caller's work.
        with connection.begin_nested():
            connection.execute(pool)
    except IntegrityError:  # another service has just created it
        return False
    log.warning("Pool '%s' was missing; created with %d slots. Size it to your Auth0 plan.", POOL, SMALLEST_PLAN_SLOTS)
    return True
