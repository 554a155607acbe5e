"""The Airflow pool whose slots are the rate limit; see :mod:`auth0_sso.runtime.rate_limiter`."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.runtime.variables import write_variable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

POOL = "auth0_management_api"
SLOTS_VARIABLE = f"{POOL}_slots"
SMALLEST_PLAN_SLOTS = 2  # the smallest Auth0 plan allows two requests a second

_SLOTS = re.compile(r"\s*(-?[0-9]{1,9})( slots)?\s*")

log = logging.getLogger(__name__)


def require_pool() -> None:
    """
    Check, in a task outside the pool, that the pool limits the rate: tasks of a missing one wait forever.

    Tasks can't read pools. What they can read is the variable that :func:`publish_slots` or a person has set. A run of
    ``dag.test()`` needs neither: it has no scheduler, and its tasks run one after the other.

    :raises Auth0RunError: if there is no such variable, or the pool has no slots or unlimited ones; says what to do.
    """
    from airflow.sdk import Variable

    if _is_in_process():
        return
    published = str(Variable.get(SLOTS_VARIABLE, default=""))
    if not published:
        raise Auth0RunError(
            f"The pool '{POOL}' may be missing, and its tasks would wait forever: this Airflow has no variable "
            f"'{SLOTS_VARIABLE}'. The scheduler sets it, unless the plugin sso_tickets isn't loaded there.",
            advice=f"Make both: airflow pools set {POOL} {SMALLEST_PLAN_SLOTS} 'The Auth0 rate limit' && "
            f"airflow variables set {SLOTS_VARIABLE} '{SMALLEST_PLAN_SLOTS} slots'",
        )
    slots = read_slots(published)
    if slots is None or slots > 0:
        return
    problem = "no slots, and its tasks would wait forever" if slots == 0 else "unlimited slots, and would limit no rate"
    raise Auth0RunError(
        f"The pool '{POOL}' has {problem}: the variable '{SLOTS_VARIABLE}' is '{published}'.",
        advice="Give the pool the slots of your Auth0 plan under Admin > Pools, and clear this task. Where the "
        "scheduler doesn't load the plugin sso_tickets, set the variable too.",
    )


def read_slots(published: str) -> int | None:
    """Return the slots that the variable says the pool has, negative for unlimited ones; None if it is another text."""
    known = _SLOTS.fullmatch(published)
    return int(known[1]) if known else None


def _is_in_process() -> bool:
    """Whether ``dag.test()`` runs this task in its own process, where no pool counts."""
    from airflow.sdk.execution_time import task_runner

    return type(getattr(task_runner, "SUPERVISOR_COMMS", None)).__name__ == "InProcessSupervisorComms"


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


def publish_slots(session: Session) -> None:
    """
    Keep the Airflow variable ``auth0_management_api_slots`` equal to the pool's slots, as ``16 slots``.

    Tasks read it, since they can't read the pool. It is written only when it differs. The caller commits.
    """
    from airflow.models.pool import Pool
    from sqlalchemy import select

    pool_slots = session.scalar(select(Pool.slots).where(Pool.pool == POOL))
    if pool_slots is None:
        return
    # With its unit: Airflow warns in a task's log when it reads a variable of less than five characters.
    write_variable(session, SLOTS_VARIABLE, f"{pool_slots} slots")
