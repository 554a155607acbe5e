"""Which of the ledger's tickets are to be revoked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from auth0_sso.errors import Auth0RunError
from auth0_sso.ledger import Ledger, open_ledger
from auth0_sso.selection import select_keys

from tests.unit.auth0_sso.world import issue, organizations

pytestmark = pytest.mark.usefixtures("auth0_connection")


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))
    opened = open_ledger()
    yield opened
    opened.close()


@pytest.fixture
def issued(ledger: Ledger) -> dict[int, str]:
    """Issue two organizations' tickets, one row expired and one revoked; return the live ones' ids by row."""
    outcomes = issue(organizations(8, per_organization=4), ledger)
    by_ticket = {entry.ticket.ticket_id: entry for entry in ledger.live_entries() if entry.ticket}
    expired, revoked = (by_ticket[outcomes[row]["ticket_id"]] for row in (4, 8))
    ledger.record_created(expired, expired.ticket, sent_at=0, ttl=60)  # type: ignore[arg-type]
    ledger.record_revoked(ledger.record_revoking(revoked), "revoke/run-1")
    return {row: outcome["ticket_id"] for row, outcome in outcomes.items()}


def rows(ledger: Ledger, keys: list[str]) -> list[int]:
    entries = ledger.entries(keys)
    return [int(entries[key].prospect.split("-")[1].split("@")[0]) for key in keys]


def test_all_live_tickets_are_those_neither_expired_nor_revoked(ledger: Ledger, issued: dict[int, str]) -> None:
    assert rows(ledger, select_keys(all_live=True)) == [1, 2, 3, 5, 6, 7]


def test_a_reports_tickets_are_found_by_their_ids(ledger: Ledger, issued: dict[int, str]) -> None:
    assert rows(ledger, select_keys(ticket_ids=[issued[2], issued[4], issued[8], "unknown"])) == [2]


def test_an_organizations_tickets_are_found(ledger: Ledger, issued: dict[int, str]) -> None:
    assert rows(ledger, select_keys(organization_ids=["org_5", "org_unknown"])) == [5, 6, 7]


def test_each_criterion_adds_to_the_selection(ledger: Ledger, issued: dict[int, str]) -> None:
    assert rows(ledger, select_keys(ticket_ids=[issued[1], issued[5]], organization_ids=["org_5"])) == [1, 5, 6, 7]


def test_a_revocation_in_doubt_is_selected_again(ledger: Ledger, issued: dict[int, str]) -> None:
    (key,) = select_keys(ticket_ids=[issued[1]])
    ledger.record_revoking(ledger.entries([key])[key])
    assert select_keys(ticket_ids=[issued[1]]) == [key]


@pytest.mark.usefixtures("ledger")
def test_an_empty_ledger_has_nothing_to_select() -> None:
    assert select_keys(all_live=True) == []


def test_to_select_nothing_at_all_is_an_error_that_names_the_parameters() -> None:
    with pytest.raises(Auth0RunError, match="Set report_uri, organization_ids or all_live"):
        select_keys()
