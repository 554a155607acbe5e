"""The Airflow pool whose slots are the rate limit; see :mod:`auth0_sso.runtime.rate_limiter`."""

from __future__ import annotations

import re

from auth0_sso.airflow_internals import is_in_process
from auth0_sso.exceptions import Auth0RunError

POOL = "auth0_management_api"
SLOTS_VARIABLE = f"{POOL}_slots"
SMALLEST_PLAN_SLOTS = 2  # the smallest Auth0 plan allows two requests a second

_SLOTS = re.compile(r"\s*(-?[0-9]{1,9})( slots)?\s*")


def require_pool() -> None:
    """
    Check, in a task outside the pool, that the pool limits the rate: tasks of a missing one wait forever.

    Tasks can't read pools. What they can read is the variable that the scheduler, by the plugin, or a person has set.
    A run of ``dag.test()`` needs neither: it has no scheduler, and its tasks run one after the other.

    :raises Auth0RunError: if there is no such variable, or the pool has no slots or unlimited ones; says what to do.
    """
    from airflow.sdk import Variable

    if is_in_process():
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
