"""``python -m tests.bench.ways.issuer N``: let the project's issuer create N tickets; print the seconds as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from auth0_sso.ledger.store import open_ledger
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from sqlalchemy import URL

from dev.sandbox.tenant.settings import PLANS
from tests.bench.pacing import ledger_file
from tests.bench.results.measured import PLAN
from tests.support import factories

_BURST = 48  # as four slots with 12 each: less than the tenant's bucket holds


def main(prospects: int) -> float:
    """Return the seconds it took."""
    ledger = open_ledger(URL.create("sqlite", database=str(ledger_file())))
    hook = factories.open_hook(ledger, PLANS[PLAN].refill, _BURST, timeouts=DEFAULT_TIMEOUTS)
    issuer = factories.issuer(factories.organizations(prospects, per_organization=1), ledger, hook=hook)
    began = time.perf_counter()
    asyncio.run(issuer.run())
    seconds = time.perf_counter() - began
    ledger.close()
    issuer.raise_if_incomplete()
    return seconds


if __name__ == "__main__":
    print(json.dumps({"seconds": main(int(sys.argv[1]))}))
