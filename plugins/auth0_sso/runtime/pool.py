"""The Airflow pool whose slots are the rate limit; see :mod:`auth0_sso.runtime.rate_limiter`."""

from __future__ import annotations

import re

from auth0_sso.airflow_internals import is_in_process
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.models import TenantAccess

SMALLEST_PLAN_SLOTS = 2  # the smallest Auth0 plan allows two requests a second

_SLOTS = re.compile(r"\s*(-?[0-9]{1,9})( slots)?\s*")


def require_pool(tenant: TenantAccess) -> None:
    """
    Check, in a task outside the pool, that the pool limits the rate: tasks of a missing one wait forever.

    Tasks can't read pools. What they can read is the variable that the scheduler, by the plugin, or a person has set.
    A run of ``dag.test()`` needs neither: it has no scheduler, and its tasks run one after the other.

    :raises Auth0RunError: if there is no such variable, or the pool has no slots or unlimited ones; says what to do.
    """
    from airflow.sdk import Variable

    if is_in_process():
        return
    pool, variable = tenant.pool, tenant.slots_variable
    published = str(Variable.get(variable, default=""))
    if not published:
        raise Auth0RunError(
            f"The pool '{pool}' may be missing, and its tasks would wait forever: this Airflow has no variable "
            f"'{variable}'. The scheduler sets it, unless the plugin sso_tickets isn't loaded there.",
            advice=f"Make both: airflow pools set {pool} {SMALLEST_PLAN_SLOTS} 'The Auth0 rate limit' && "
            f"airflow variables set {variable} '{SMALLEST_PLAN_SLOTS} slots'",
        )
    slots = read_slots(published)
    if slots is None or slots > 0:
        return
    problem = "no slots, and its tasks would wait forever" if slots == 0 else "unlimited slots, and would limit no rate"
    raise Auth0RunError(
        f"The pool '{pool}' has {problem}: the variable '{variable}' is '{published}'.",
        advice="Give the pool the slots of your Auth0 plan under Admin > Pools, and clear this task. Where the "
        "scheduler doesn't load the plugin sso_tickets, set the variable too.",
    )


def read_slots(published: str) -> int | None:
    """Return the slots that the variable says the pool has, negative for unlimited ones; None if it is another text."""
    known = _SLOTS.fullmatch(published)
    return int(known[1]) if known else None
