"""The prospects that the ledger knows, with the state of each one's link in words."""

from __future__ import annotations

from dataclasses import dataclass

from auth0_sso.ledger.browse import search
from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.revocation_log import Revocation, RevocationLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import iso

from include.reports.wording import utc_text

CUSTOMERS_A_PAGE = 50


@dataclass(frozen=True)
class Customer:
    """
    A prospect.

    :param key: its key in the ledger, no secret.
    :param state: in a few words; ``tone`` is ``good``, ``warn``, ``bad`` or ``soft``, its colour.
    :param has_link: whether its link may still work and is known.
    :param run: ``dag_id/run_id`` of the run that requested its link last, at ``requested_at``.
    :param revocations: earlier links of it that were revoked, the latest first.
    """

    key: str
    organization_id: str
    organization_name: str
    prospect: str
    connection_name: str
    state: str
    tone: str
    error: str
    has_link: bool
    duplicate_possible: bool
    run: str
    requested_at: str
    revocations: list[Revocation]


def find_customers(ledger: Ledger, text: str, page: int) -> tuple[list[Customer], int]:
    """Return one page, numbered from 1, of the prospects that contain each word of a text, and how many there are."""
    entries, total = search(ledger, text, limit=CUSTOMERS_A_PAGE, offset=(page - 1) * CUSTOMERS_A_PAGE)
    revoked = RevocationLog(ledger.database).by_prospect([entry.key for entry in entries])
    by_key: dict[str, list[Revocation]] = {}
    for revocation in sorted(revoked.values(), key=lambda one: -one.revoked_at):
        by_key.setdefault(revocation.key, []).append(revocation)
    now = ledger.now()
    return [_customer(entry, by_key.get(entry.key, []), now) for entry in entries], total


def _customer(entry: Entry, revocations: list[Revocation], now: float) -> Customer:
    state, tone = _state(entry, now)
    return Customer(
        key=entry.key,
        organization_id=entry.organization_id,
        organization_name=entry.organization_name,
        prospect=entry.person,
        connection_name=entry.connection_name,
        state=state,
        tone=tone,
        error=entry.error,
        has_link=entry.is_valid(now),
        duplicate_possible=entry.may_be_duplicate(now),
        run=entry.run,
        requested_at=utc_text(iso(entry.requested_at)),
        revocations=revocations,
    )


def _state(entry: Entry, now: float) -> tuple[str, str]:
    if entry.status == EntryStatus.CREATED:
        until = utc_text(iso(entry.expires_at))
        return (f"valid until {until}", "good") if entry.is_valid(now) else (f"expired {until}", "soft")
    if entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now:
        return "being requested", "soft"
    return {
        EntryStatus.REVOKED: (f"revoked {utc_text(iso(entry.revoked_at))}", "soft"),
        EntryStatus.REVOKING: ("its revocation was not confirmed", "bad"),
        EntryStatus.CONFLICT: ("the connection exists", "good"),
        EntryStatus.FAILED: ("refused by Auth0", "bad"),
        EntryStatus.DEFERRED: ("not created yet", "warn"),
    }.get(entry.status, ("the answer was lost", "bad"))
