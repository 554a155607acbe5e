"""``python -m tests.bench.issuer N``: let the project's issuer create N tickets; print the seconds as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import TicketRequest
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.tickets.batch import Organization
from auth0_sso.tickets.issue import IssueOptions, TicketIssuer
from sqlalchemy import URL

from tests.bench.measured import RATE
from tests.bench.pacing import ledger_file

_BURST = 48  # as four slots with 12 each: less than the tenant's bucket holds


def main(prospects: int) -> float:
    """Return the seconds it took."""
    ledger = open_ledger(URL.create("sqlite", database=str(ledger_file())))
    hook = Auth0Hook(token_store=LedgerTokenStore(ledger.database), rate_limiter=RateLimiter(RATE, _BURST))
    options = IssueOptions(profile_id=hook.settings.profile_id)
    issuer = TicketIssuer(
        [_organization(row) for row in range(1, prospects + 1)], hook, ledger, RunAttempt("bench/1", 1), options
    )

    async def issue() -> None:
        async with hook.open():
            await issuer.run()

    began = time.perf_counter()
    asyncio.run(issue())
    seconds = time.perf_counter() - began
    ledger.close()
    issuer.raise_if_incomplete()
    return seconds


def _organization(row: int) -> Organization:
    organization_id, name = f"org_{row:016d}", f"corp-{row}"
    request = TicketRequest(
        row=row,
        organization_id=organization_id,
        organization_name=f"Organization {row}",
        prospect_name=f"Desk {row}",
        prospect_email=f"desk@corp{row}.example",
        connection_name=name,
        prospect=f"desk@corp{row}.example",
        body={"connection_config": {"name": name}, "enabled_organizations": [{"organization_id": organization_id}]},
    )
    return Organization(organization_id, request.organization_name, [request])


if __name__ == "__main__":
    print(json.dumps({"seconds": main(int(sys.argv[1]))}))
