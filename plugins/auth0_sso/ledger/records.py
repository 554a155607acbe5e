"""What the ledger keeps of a prospect's ticket, and what follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auth0_sso.models import (
    MAX_TTL_SEC,
    OPEN_SECONDS,
    LinkState,
    Spans,
    SsoTicket,
    TicketRequest,
    canonical_body,
    comparable_body,
    is_used_up,
)
from auth0_sso.runtime.installation import read_installation

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol


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


@dataclass(frozen=True)
class UnfinishedConnection:
    """
    A connection that exists and isn't enabled, for a ticket with which its customer can finish.

    :param waits_for_domain: whether it only waits for a domain to be verified.
    """

    connection_id: str
    waits_for_domain: bool = False


@dataclass(frozen=True)
class TicketSpec:
    """
    A request with all that its ticket depends on.

    :param profile_id: the request's self-service profile, or the run's; so with ``custom_domain``, which may be empty.
    :param enabled_clients: client ids for a request that sets none.
    :param unfinished: the connection that the ticket is to finish, instead of making the one that the request names.
    """

    request: TicketRequest
    tenant: str
    profile_id: str
    custom_domain: str = ""
    enabled_clients: Sequence[str] = ()
    unfinished: UnfinishedConnection | None = None

    @cached_property
    def body(self) -> dict[str, Any]:
        """The body that is sent, see :func:`~auth0_sso.models.canonical_body`."""
        return self._requested if self.unfinished is None else _finishing(self._requested, self.unfinished)

    @cached_property
    def _requested(self) -> dict[str, Any]:
        given = self.request.body
        sets_none = not given.get("enabled_clients") and not given.get("connection_id")
        default = {"enabled_clients": self.enabled_clients} if sets_none and self.enabled_clients else {}
        return canonical_body({**given, **default})

    @property
    def key(self) -> str:
        """The prospect and profile that the ledger keeps one row for."""
        return _digest([self.tenant, self.profile_id, self.request.organization_id, self.request.prospect])

    @property
    def fingerprint(self) -> str:
        """What makes this request another one than before, see :func:`~auth0_sso.models.comparable_body`."""
        return _digest([comparable_body(self._requested), self.custom_domain])

    @property
    def connection(self) -> str:
        """The name of the connection that the ticket sets up, or the id of the one that it edits."""
        return self.request.connection

    @property
    def flow_type(self) -> str:
        """Auth0's word for what the customer does: ``create`` a connection, or ``update`` one."""
        return "update" if self.body.get("connection_id") else "create"

    @property
    def requires_domain(self) -> bool:
        """Whether the connection can't be enabled before a domain is verified."""
        config = self.body.get("domain_aliases_config") or {}
        return bool(config.get("domain_verification") == "required")

    @property
    def ttl(self) -> float:
        """Seconds until the ticket expires, unless it is opened; 0 and unset mean Auth0's five days."""
        return float(self.request.body.get("ttl_sec") or MAX_TTL_SEC)


def _finishing(body: dict[str, Any], unfinished: UnfinishedConnection) -> dict[str, Any]:
    """
    Return the body of a ticket that edits a connection, so that its customer can finish what the body asks for.

    The connection's own settings can't be changed by a ticket. Without ``enabled_features``, every part can be edited.
    (Auth0: "Manage Self-Service Enterprise Configuration")
    """
    finishing = {name: value for name, value in body.items() if name != "connection_config"}
    finishing["connection_id"] = unfinished.connection_id
    if unfinished.waits_for_domain:
        finishing.pop("provisioning_config", None)
        finishing["enabled_features"] = {"domain_verification": True}
    return finishing


@dataclass(frozen=True)
class Entry:
    """
    A prospect's row in the ledger; times are UNIX seconds, the fields those of ``schema.tickets``.

    :param prospect: what identifies the person in the organization; ``prospect_name``, ``prospect_email`` and
        ``language`` are as the last request gave them.
    :param connection_name: of the connection that the ticket sets up or finishes; the id of one that a row edits.
    :param flow_type: ``create``, or ``update`` for a ticket that edits or finishes a connection.
    :param requires_domain: whether the connection can't be enabled before a domain is verified.
    :param created_at: when the last ticket was made, also if it is gone.
    :param answer_by: until when the answer to the last request may come.
    :param valid_until: until when the ticket of the last request may be valid, whether or not its answer came.
    :param duplicate_until: until when a ticket for the same connection may work beside this one whose answer was lost.
    :param duplicate_since: when the first of those was requested; None if there is none.
    :param duplicate_confirmed: whether the tenant's logs have shown that there is one.
    :param late_until: until when an older ticket may work that had only just expired, or whose answer was lost and
        which is for another connection.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked its ticket, or is about to; kept while a run of that
        DAG requests another one, until there is one.
    """

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
    valid_until: float
    version: int
    run_after: float = 0.0
    installation: str = ""
    prospect_name: str = ""
    prospect_email: str = ""
    language: str = ""
    flow_type: str = "create"
    requires_domain: bool = False
    duplicate_until: float = 0.0
    duplicate_since: float | None = None
    duplicate_confirmed: bool = False
    late_until: float = 0.0
    ticket: SsoTicket | None = None
    created_at: float | None = None
    expires_at: float | None = None
    error: str = ""
    revoked_at: float | None = None
    revoked_by: str = ""

    @property
    def person(self) -> str:
        """The prospect's address or name, without the connection that a row may name."""
        return self.prospect.removesuffix(f"|{self.connection_name}")

    def is_for(self, spec: TicketSpec) -> bool:
        """Whether its ticket does the same with the same connection as a request: the logs can't tell the two apart."""
        return (self.connection_name, self.flow_type) == (spec.connection, spec.flow_type)

    def is_valid(self, now: float) -> bool:
        """Whether its ticket may be reused: it is known, neither expired nor about to be revoked."""
        return self.status == EntryStatus.CREATED and self.ticket is not None and (self.expires_at or 0) > now

    def may_work(self, now: float) -> bool:
        """Whether its ticket may work: it is valid, was opened late, or its revocation wasn't confirmed."""
        known = self.status in MAY_WORK and self.ticket is not None
        return known and (self.expires_at or 0) + OPEN_SECONDS > now

    def link_state(self, openings: Sequence[float], now: float, spans: Spans = ()) -> LinkState:
        """
        Return what its link is worth.

        :param openings: when links of its connection were opened, UNIX seconds.
        :param spans: when such an opening is a mail scanner's.
        """
        if self.status in (EntryStatus.REVOKING, EntryStatus.REVOKED):
            return LinkState.REVOKED
        if self.status != EntryStatus.CREATED or self.created_at is None:
            return LinkState.NONE
        if not self.is_valid(now):
            return LinkState.EXPIRED
        return LinkState.USED_UP if is_used_up(self.created_at, openings, now, spans) else LinkState.VALID

    def may_be_duplicate(self, now: float) -> bool:
        """Whether another ticket may be valid: an answer was lost, or an older ticket had only just expired."""
        return self.other_ticket_until > now

    @property
    def lost_ticket_until(self) -> float:
        """Until when a ticket may be valid whose answer was lost."""
        return max(self.duplicate_until, self.valid_until if self.status in NO_ANSWER else 0.0)

    @property
    def lost_ticket_since(self) -> float | None:
        """When the first such ticket was requested; None if there is none."""
        return self.duplicate_since or (self.requested_at if self.status in NO_ANSWER else None)

    @property
    def other_ticket_until(self) -> float:
        """Until when another ticket may work beside the one that is known."""
        return max(self.lost_ticket_until, self.late_until)

    @property
    def late_ticket_until(self) -> float:
        """Until when an older ticket may work if one is requested now: also the one that has only just expired."""
        # Whether its URL is known doesn't matter: without its key it can't be read, and works all the same.
        late = (self.expires_at or 0) + OPEN_SECONDS if self.status in MAY_WORK else 0.0
        return max(self.late_until, late)


@dataclass(frozen=True)
class RunAttempt:
    """
    A DAG run, and how often a person has started it: a clear starts another attempt, a retry doesn't.

    :param run: ``dag_id/run_id``.
    :param number: the task's ``max_tries``, which Airflow raises with each clear, but not with a retry.
    :param run_after: when the run was due, UNIX seconds. No clear changes it, so it says which of two runs is the
        later one, and distinguishes a run from a deleted one that had the same id.
    :param installation: the Airflow's name, which distinguishes a run from one of another Airflow with this ledger.
    """

    run: str
    number: int = 0
    run_after: float = 0.0
    installation: str = ""

    @classmethod
    def of(cls, dag_run: DagRunProtocol, number: int = 0) -> RunAttempt:
        """Return the attempt of a DAG run's task."""
        run = f"{dag_run.dag_id}/{dag_run.run_id}"
        return cls(run, number, dag_run.run_after.timestamp(), read_installation())

    def owns(self, entry: Entry) -> bool:
        """Whether this run was the last to request an entry's ticket."""
        theirs = (entry.run, entry.run_after, entry.installation)
        return theirs == (self.run, self.run_after, self.installation)

    def left_without_link(self, entry: Entry) -> bool:
        """Whether a run of this DAG revoked the entry's ticket to request another one, and there is none."""
        return bool(entry.revoked_by) and _dag_of(entry.revoked_by) == _dag_of(self.run)


def _dag_of(run: str) -> str:
    return run.partition("/")[0]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
