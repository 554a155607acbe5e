"""What became of a ticket that was to be revoked, as far as its prospect's entry and the book of revocations tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import OPEN_LIFETIME, Entry
from auth0_sso.ledger.revocation_log import Revocation
from auth0_sso.models import SsoTicket
from auth0_sso.tickets.batch import IssuedTicket
from auth0_sso.tickets.revocations import fate, revocation_row

NOW = 1_800_000_000.0
MADE = NOW - 1000
TICKET = IssuedTicket("key", MADE)
REVOKED = Revocation("key", MADE, "t1", NOW - 10, "create_sso_tickets/run-2")
ENTRY = Entry(
    key="key",
    tenant="acme.example.com",
    profile_id="ssp_1",
    organization_id="org_1",
    organization_name="Acme",
    prospect="ada@acme.example",
    connection_name="acme",
    status="created",
    fingerprint="f",
    run="create_sso_tickets/run-1",
    run_attempt=3,
    attempts=1,
    requested_at=MADE,
    answer_by=MADE + 35,
    lives_until=NOW + 1000,
    version=2,
    ticket=SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t1"),
    created_at=MADE,
    expires_at=NOW + 1000,
)
NEWER = {"created_at": NOW - 5}
GONE: dict[str, Any] = {"ticket": None}


@pytest.mark.parametrize(
    ("changes", "revocation", "state"),
    [
        pytest.param({}, None, "", id="a ticket that lives may work"),
        pytest.param({"expires_at": NOW - OPEN_LIFETIME + 1}, None, "", id="so may one that was opened late"),
        pytest.param({"status": "revoking"}, None, "", id="and one whose revocation is in doubt"),
        pytest.param({"expires_at": NOW - OPEN_LIFETIME}, None, "expired", id="five hours later it is dead"),
        pytest.param({"expires_at": NOW - OPEN_LIFETIME, **GONE}, None, "expired", id="with or without its URL"),
        pytest.param({"status": "revoked", **GONE}, REVOKED, "revoked", id="what was revoked is in the book"),
        pytest.param(NEWER, REVOKED, "replaced", id="a newer one lives in its place"),
        pytest.param(NEWER, None, "replaced", id="which may be since it had expired"),
        pytest.param({**NEWER, "status": "in_flight", **GONE}, REVOKED, "revoked", id="a newer one is only asked for"),
        pytest.param({**NEWER, "expires_at": NOW}, REVOKED, "revoked", id="the newer one is dead too"),
    ],
)
def test_a_tickets_state_follows_from_the_entry_and_the_book(
    changes: dict[str, Any], revocation: Revocation | None, state: str
) -> None:
    assert fate(replace(ENTRY, **changes), TICKET, revocation, NOW) == state


@pytest.mark.parametrize("status", ["planned", "failed", "not_attempted"])
def test_a_row_names_no_ticket_that_may_work(status: str) -> None:
    row = revocation_row(ENTRY, TICKET, status, error="no")
    assert (row["status"], row["ticket_id"], row["revoked_at"], row["error"]) == (status, "", "", "no")
    assert "t1" not in str(row)


def test_a_row_says_when_and_by_which_run_a_ticket_was_revoked() -> None:
    row = revocation_row(replace(ENTRY, **NEWER), TICKET, "replaced", REVOKED)
    assert (row["ticket_id"], row["revoked_by"]) == ("t1", "create_sso_tickets/run-2")
    assert (row["created_at"], row["revoked_at"]) == ("2027-01-15T07:43:20Z", "2027-01-15T07:59:50Z")
    assert row["expires_at"] == "", "that of the newer ticket is not this one's"
    assert "which is left alone" in row["error"]
