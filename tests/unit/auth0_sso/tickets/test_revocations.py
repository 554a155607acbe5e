"""What became of a ticket that was to be revoked follows from its prospect's entry and the log of revocations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.revocation_log import Revocation
from auth0_sso.models import OPEN_SECONDS, IssuedTicket, RevocationStatus
from auth0_sso.tickets.revocations import TicketState, ticket_status

from tests.support.factories import NOW, entry

ENTRY = entry(created_at=NOW - 1000)
TICKET = IssuedTicket(ENTRY.key, NOW - 1000)
REVOCATION = Revocation(ENTRY.key, NOW - 1000, NOW + 1000, "t1", NOW - 10, "create_sso_tickets/run-2", ENTRY.key)
NEWER = {"created_at": NOW - 5}
GONE: dict[str, Any] = {"ticket": None}


@pytest.mark.parametrize(
    ("changes", "revocation", "status"),
    [
        pytest.param({}, None, "not_attempted", id="a valid ticket may work"),
        pytest.param({"expires_at": NOW - OPEN_SECONDS + 1}, None, "not_attempted", id="so may one opened late"),
        pytest.param({"status": "revoking"}, None, "not_attempted", id="and one whose revocation is unconfirmed"),
        pytest.param({"expires_at": NOW - OPEN_SECONDS}, None, "expired", id="five hours later it does not"),
        pytest.param({"expires_at": NOW - OPEN_SECONDS, **GONE}, None, "expired", id="with or without its URL"),
        pytest.param({"status": "revoked", **GONE}, REVOCATION, "revoked", id="a revoked one is in the log"),
        pytest.param(NEWER, REVOCATION, "replaced", id="a newer one is valid in its place"),
        pytest.param(NEWER, None, "replaced", id="which may be since it had expired"),
        pytest.param({**NEWER, "status": "in_flight", **GONE}, REVOCATION, "revoked", id="a newer one is in flight"),
        pytest.param({**NEWER, "expires_at": NOW}, REVOCATION, "revoked", id="the newer one has expired too"),
    ],
)
def test_a_tickets_status_follows_from_the_entry_and_the_log(
    changes: dict[str, Any], revocation: Revocation | None, status: str
) -> None:
    assert ticket_status(replace(ENTRY, **changes), TICKET, revocation, NOW) == status


@pytest.mark.parametrize("status", ["planned", "failed", "not_attempted"])
def test_the_id_of_a_ticket_that_may_work_is_not_reported(status: str) -> None:
    row = TicketState(ENTRY, TICKET, RevocationStatus(status), error="no").outcome()
    assert (row.status, row.ticket_id, row.revoked_at, row.error) == (status, "", "", "no")
    assert "t1" not in str(row)


def test_when_and_by_which_run_a_ticket_was_revoked_is_reported() -> None:
    row = TicketState(replace(ENTRY, **NEWER), TICKET, RevocationStatus.REPLACED, REVOCATION).outcome()
    assert (row.ticket_id, row.revoked_by) == ("t1", "create_sso_tickets/run-2")
    assert (row.created_at, row.revoked_at) == ("2027-01-15T07:43:20Z", "2027-01-15T07:59:50Z")
    assert row.expires_at == "", "that of the newer ticket is not this one's"
    assert "which is left alone" in row.error
