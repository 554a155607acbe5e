"""What the ledger keeps of a prospect, and what follows from it for the next ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from auth0_sso.models import SsoTicket


class EntryStatus(StrEnum):
    """What the ledger knows of a prospect's ticket."""

    IN_FLIGHT = "in_flight"  # the request is under way, or its task was killed
    CREATED = "created"
    UNKNOWN = "unknown"  # the answer was lost: a ticket may exist
    CONFLICT = "conflict"
    FAILED = "failed"
    DEFERRED = "deferred"  # not carried out, to be requested again later
    REVOKING = "revoking"
    REVOKED = "revoked"


NO_ANSWER = frozenset((EntryStatus.IN_FLIGHT, EntryStatus.UNKNOWN))
MAY_WORK = frozenset((EntryStatus.CREATED, EntryStatus.REVOKING))
REFUSED = frozenset((EntryStatus.CONFLICT, EntryStatus.FAILED))

DEFAULT_TTL = 432_000

# A ticket's lifetime counts until it is first opened; from then on its holder has five hours. So one that was
# opened at its last moment works until then; the API doesn't say whether it was opened.
# (Auth0: "Manage Self-Service Enterprise Configuration")
OPEN_LIFETIME = 5 * 3600.0


@dataclass(frozen=True, eq=False)
class TicketSpec:
    """
    A ticket to ask for; two are equal if they are the same object.

    :param tenant: the tenant's domain.
    :param profile_id: the self-service profile.
    :param organization_id: the organization.
    :param prospect: who in it, or for which connection: the row's stable identity.
    :param body: the request body.
    :param custom_domain: the custom domain, or empty.
    """

    tenant: str
    profile_id: str
    organization_id: str
    prospect: str
    body: Mapping[str, Any]
    custom_domain: str = ""
    organization_name: str = ""
    connection_name: str = ""

    @property
    def key(self) -> str:
        """The prospect and profile that the ledger keeps one row for."""
        return _digest([self.tenant, self.profile_id, self.organization_id, self.prospect])

    @property
    def fingerprint(self) -> str:
        """What is asked; another fingerprint is another request."""
        return _digest([self.body, self.custom_domain])

    @property
    def ttl(self) -> float:
        """Seconds that the ticket lives, unless it is opened; 0 and unset mean Auth0's five days."""
        return float(self.body.get("ttl_sec") or DEFAULT_TTL)


@dataclass(frozen=True)
class Entry:
    """A prospect's row in the ledger; times are UNIX seconds, the fields those of ``schema.tickets``."""

    key: str
    tenant: str
    profile_id: str
    organization_id: str
    organization_name: str
    prospect: str
    connection_name: str
    status: EntryStatus
    fingerprint: str
    run: str
    run_attempt: int
    attempts: int
    requested_at: float
    answer_by: float
    lives_until: float
    version: int
    run_after: float = 0.0
    duplicate_until: float = 0.0
    ticket: SsoTicket | None = None
    created_at: float | None = None
    expires_at: float | None = None
    error: str = ""
    revoked_at: float | None = None
    revoked_by: str = ""

    def is_live(self, now: float) -> bool:
        """Whether its ticket still works, as far as the ledger can know, and so may be reused."""
        return self.status == EntryStatus.CREATED and self.ticket is not None and (self.expires_at or 0) > now

    def may_work(self, now: float) -> bool:
        """Whether its ticket isn't known to be dead: it lives, was opened late, or its revocation wasn't confirmed."""
        known = self.status in MAY_WORK and self.ticket is not None
        return known and (self.expires_at or 0) + OPEN_LIFETIME > now

    def may_be_duplicate(self, now: float) -> bool:
        """Whether another ticket may live that nobody has seen: an answer was lost."""
        return unseen_ticket_until(self) > now


class DagRun(Protocol):
    """The part of Airflow's DAG run that is used here."""

    dag_id: str
    run_id: str
    run_after: datetime


@dataclass(frozen=True)
class RunAttempt:
    """
    Who writes: a DAG run, and within it what a person has started; a clear starts another.

    :param run: ``dag_id/run_id``.
    :param number: the task's ``max_tries``, which Airflow raises with each clear, but not with a retry.
    :param run_after: when the run was due, UNIX seconds. No clear changes it, so it tells which of two runs is the
        later one, and a run from one that was deleted and had the same id.
    """

    run: str
    number: int = 0
    run_after: float = 0.0

    @classmethod
    def of(cls, dag_run: DagRun, number: int = 0) -> RunAttempt:
        """Return the round of a DAG run's task."""
        return cls(f"{dag_run.dag_id}/{dag_run.run_id}", number, dag_run.run_after.timestamp())

    def owns(self, entry: Entry) -> bool:
        """Whether this run was the last to ask for an entry's ticket."""
        return (entry.run, entry.run_after) == (self.run, self.run_after)


def unseen_ticket_until(seen: Entry | None) -> float:
    """Until when a ticket may live that nobody has seen: an intent without an answer."""
    if seen is None:
        return 0.0
    return max(seen.duplicate_until, seen.lives_until if seen.status in NO_ANSWER else 0.0)


def other_ticket_until(seen: Entry | None) -> float:
    """Until when another ticket may live if the prospect is asked for now: also one that has only just expired."""
    # Its URL says nothing here: without its key it can't be read, and works all the same.
    late = (seen.expires_at or 0) + OPEN_LIFETIME if seen and seen.status in MAY_WORK else 0.0
    return max(unseen_ticket_until(seen), late)


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
