"""What the tests of issuing and revoking share: requests, a fast hook, and what a tenant and a ledger have."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import MAY_WORK, Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import MAX_TTL_SEC, Organization, SsoTicket, TicketRequest
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.tickets.decide import Policy
from auth0_sso.tickets.issue import TicketIssuer
from auth0_sso.tickets.revoke import TicketRevoker

from dev.sandbox.server import Sandbox

RUNS_AFTER = {"run-1": 1_800_000_000.0, "run-2": 1_800_086_400.0}
FIRST_RUN, SECOND_RUN = (RunAttempt(f"create_sso_tickets/{run_id}", 3, due) for run_id, due in RUNS_AFTER.items())
SHORT = Timeouts(longest_backoff=0.05, longest_cooldown=0.05, poll_interval=0.05, token_poll_interval=0.05)
"""For tests that are not about timeouts."""


class Hook(Auth0Hook):
    """Calls ``on_request`` after the intent of a request is recorded, before the request leaves."""

    on_request: Callable[[], object] = dict

    async def create_sso_ticket(self, *args: Any, **kwargs: Any) -> SsoTicket:
        self.on_request()
        return await super().create_sso_ticket(*args, **kwargs)

    async def revoke_sso_ticket(self, *args: Any, **kwargs: Any) -> None:
        self.on_request()
        await super().revoke_sso_ticket(*args, **kwargs)


class OpensHook:
    """Opens its hook while it runs."""

    def __init__(self, items: Sequence[Any], hook: Auth0Hook, *args: Any, **options: Any) -> None:
        super().__init__(items, hook, *args, **options)  # type: ignore[call-arg]
        self.hook = hook

    async def run(self) -> None:
        async with self.hook.open():
            await super().run()  # type: ignore[misc]


class Issuer(OpensHook, TicketIssuer):
    pass


class Revoker(OpensHook, TicketRevoker):
    pass


def request(row: int, organization: str = "org_0", **changes: Any) -> TicketRequest:
    name = changes.pop("name", f"connection-{row}")
    fields: dict[str, Any] = {
        "row": row,
        "organization_id": organization,
        "organization_name": f"Organization {organization}",
        "prospect_name": f"Prospect {row}",
        "prospect_email": f"prospect-{row}@example.com",
        "connection_name": name,
        "prospect": f"prospect-{row}@example.com",
        "body": {"connection_config": {"name": name}, "enabled_organizations": [{"organization_id": organization}]},
    }
    return TicketRequest(**{**fields, **changes})


def organizations(rows: int, per_organization: int = 5, first: int = 1) -> list[Organization]:
    """Return requests, one a row, divided among organizations."""
    found: list[Organization] = []
    for start in range(first, first + rows, per_organization):
        name = f"org_{start}"
        numbers = range(start, min(start + per_organization, first + rows))
        found.append(organization(*(request(row, name) for row in numbers)))
    return found


def organization(*requests: TicketRequest) -> Organization:
    return Organization(requests[0].organization_id, requests[0].organization_name, list(requests))


def spec(row: TicketRequest) -> TicketSpec:
    """Return what is requested for a row with the connection ``auth0_default``."""
    settings = Auth0Hook().settings
    return TicketSpec(row, settings.domain, row.profile_id or settings.profile_id, row.custom_domain)


SPEC = TicketSpec(request(1, "org_1"), "acme.example.com", "ssp_1")
"""A request for tests without a tenant."""


NOW = 1_800_000_000.0


def entry(status: str = "created", **changes: Any) -> Entry:
    """Return the entry of ``SPEC`` a little after ``FIRST_RUN`` has requested it; it has a ticket if there is one."""
    made = Entry(
        key=SPEC.key,
        tenant=SPEC.tenant,
        profile_id=SPEC.profile_id,
        organization_id=SPEC.request.organization_id,
        organization_name=SPEC.request.organization_name,
        prospect=SPEC.request.prospect,
        connection_name=SPEC.request.connection_name,
        status=EntryStatus(status),
        fingerprint=SPEC.fingerprint,
        run=FIRST_RUN.run,
        run_attempt=FIRST_RUN.number,
        run_after=FIRST_RUN.run_after,
        attempts=2,
        requested_at=NOW - 20,
        answer_by=NOW + 15,
        valid_until=NOW + 15 + MAX_TTL_SEC,
        version=2,
    )
    if made.status in MAY_WORK:
        ticket = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t1")
        made = replace(made, ticket=ticket, created_at=NOW - 20, expires_at=NOW + 1000)
    return replace(made, **changes)


def open_hook(
    ledger: Ledger, rate: float = 2000.0, burst: float = 20, *, rested: bool = False, timeouts: Timeouts = SHORT
) -> Hook:
    """
    Return a hook of the connection ``auth0_default`` that shares its token through the ledger.

    :param rested: whether its burst is saved up.
    """
    rate_limiter = RateLimiter(rate, burst, since=-1e9 if rested else None)
    hook = Hook(token_store=LedgerTokenStore(ledger.database), rate_limiter=rate_limiter, timeouts=timeouts)
    _ = hook.settings
    return hook


def issuer(
    wanted: Sequence[Organization],
    ledger: Ledger,
    attempt: RunAttempt = FIRST_RUN,
    *,
    hook: Auth0Hook | None = None,
    retry_budget: float = SHORT.retry_budget,
    reissue: bool = False,
    edit: bool = False,
    **options: Any,
) -> Issuer:
    hook = hook or open_hook(ledger, timeouts=replace(SHORT, retry_budget=retry_budget))
    return Issuer(wanted, hook, ledger, attempt, policy=Policy(reissue=reissue, edit=edit), **options)


def issue(
    wanted: Sequence[Organization], ledger: Ledger, attempt: RunAttempt = FIRST_RUN, **options: Any
) -> dict[int, dict[str, Any]]:
    """Issue to the end; return the outcomes by row."""
    made = issuer(wanted, ledger, attempt, **options)
    asyncio.run(made.run())
    return by_row(made.results())


def by_row(results: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {ticket["row"]: ticket for organization in results for ticket in organization["tickets"]}


def statuses(outcomes: dict[int, dict[str, Any]]) -> Counter[str]:
    return Counter(outcome["status"] for outcome in outcomes.values())


def posts(tenant: Sandbox) -> int:
    """Return how many tickets were requested of the tenant."""
    return sum(seen.path.endswith("/sso-ticket") for seen in tenant.requests)


def revocations(tenant: Sandbox) -> int:
    return sum(seen.path.endswith("/revoke") for seen in tenant.requests)


def living(tenant: Sandbox) -> set[str]:
    return {ticket.id for ticket in tenant.tickets if ticket.state == "live"}


def recorded(ledger: Ledger) -> set[str]:
    return {entry.ticket.ticket_id for entry in ledger.live_entries() if entry.ticket is not None}


def expire(ledger: Ledger, entry: Entry, ago: float) -> Entry:
    """Let a ticket have expired so many seconds ago."""
    assert entry.ticket is not None
    return ledger.record_created(entry, entry.ticket, sent_at=ledger.now() - ago - 60, ttl=60)


def process_context() -> ForkServerContext:
    """Return a way to start processes that share nothing with this one, and have imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.support.factories", "tests.support.mailing", "airflow.sdk.execution_time.context"]
    )
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()
    return context


class TaskInstance:
    """The part of Airflow's task instance that the operators use; it keeps what is pushed."""

    def __init__(
        self, task: Any, run_id: str = "run-1", max_tries: int = 3, try_number: int = 1, state: Any = None
    ) -> None:
        self.task = task
        self.dag_id = "create_sso_tickets"
        self.run_id = run_id
        self.max_tries = max_tries
        self.try_number = try_number
        self.state = StateStore() if state is None else state
        self.start_date = datetime.now(UTC) - timedelta(seconds=5)
        self.pushed: dict[str, Any] = {}
        self.returned: Any = None
        self.raised: BaseException | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    @property
    def context(self) -> Any:
        """Return the part of Airflow's context that the operators use."""
        due = datetime.fromtimestamp(RUNS_AFTER.get(self.run_id, 0.0), UTC)
        return {"ti": self, "dag_run": DagRun(self.dag_id, self.run_id, due), "task_state_store": self.state}


@dataclass
class DagRun:
    """The part of Airflow's DAG run that the operators use."""

    dag_id: str
    run_id: str
    run_after: datetime


class StateStore(dict[str, Any]):
    """Airflow's store of a task's state, which its tries share."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def batch_file(folder: Path, wanted: Sequence[Organization], name: str = "batch.json") -> dict[str, str]:
    """Write a batch as the planning task does; return what a mapped task is given."""
    document = {"label": "Acme", "organizations": [asdict(organization) for organization in wanted]}
    (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return {"label": "Acme", "batch": str(folder / name)}
