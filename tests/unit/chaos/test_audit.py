"""The audit of a batch finds lost rows and duplicates."""

from __future__ import annotations

from typing import Any

import pytest

from dev.sandbox.tenant.stats import TicketView
from tests.chaos.audit import audit
from tests.chaos.plan import Target, kills

ORGANIZATIONS = ("org_a", "org_b")


def ticket(id_: str, organization: str, *, revoked: bool = False) -> TicketView:
    return TicketView(
        id=id_,
        profile_id="ssp_1",
        connection_name=None,
        organization_ids=(organization,),
        created_at=0.0,
        expires_at=1.0,
        opens=0,
        state="revoked" if revoked else "live",
        body={},
    )


def row(organization: str, ticket_id: str, status: str = "created", *, flagged: bool = False) -> dict[str, Any]:
    return {"organization_id": organization, "ticket_id": ticket_id, "status": status, "duplicate_possible": flagged}


TICKETS = [ticket("a", "org_a"), ticket("b", "org_b")]
ROWS = [row("org_a", "a"), row("org_b", "b", "reused")]


def test_a_batch_in_which_all_is_right() -> None:
    found = audit(ORGANIZATIONS, TICKETS, ROWS, {"a", "b"}, {})
    assert (found.created, found.with_ticket, found.lost, found.duplicates, found.unknown) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row("org_a", "a")], id="a row is missing"),
        pytest.param([*ROWS, row("org_a", "a")], id="a row is there twice"),
        pytest.param([row("org_a", "a"), row("org_b", "", "failed")], id="a row failed"),
        pytest.param([row("org_a", "a"), row("org_b", "a")], id="a row has the ticket of another organization"),
        pytest.param([row("org_a", "a"), row("org_b", "c")], id="a row has a ticket that the tenant never created"),
    ],
)
def test_a_lost_row_is_found(rows: list[dict[str, Any]]) -> None:
    assert audit(ORGANIZATIONS, TICKETS, rows, {"a", "b"}, {}).lost == 1


def test_a_row_whose_ticket_was_revoked_is_lost() -> None:
    assert audit(ORGANIZATIONS, [TICKETS[0], ticket("b", "org_b", revoked=True)], ROWS, {"a"}, {}).lost == 1


@pytest.mark.parametrize(("flagged", "duplicates"), [(False, 1), (True, 0)])
def test_a_second_ticket_is_found_unless_it_is_flagged(flagged: bool, duplicates: int) -> None:
    rows = [ROWS[0], row("org_b", "b", flagged=flagged)]
    found = audit(ORGANIZATIONS, [*TICKETS, ticket("c", "org_b")], rows, {"a", "b"}, {})
    assert (found.duplicates, found.unknown) == (duplicates, duplicates)
    assert found.flagged == ({"org_b"} if flagged else set())


@pytest.mark.parametrize(
    ("in_flight", "unexplained"), [({}, 2), ({"org_a": 2}, 2), ({"org_b": 1}, 1), ({"org_b": 2}, 0)]
)
def test_only_a_request_in_flight_explains_another_ticket(in_flight: dict[str, int], unexplained: int) -> None:
    tickets = [*TICKETS, ticket("c", "org_b"), ticket("d", "org_b")]
    rows = [ROWS[0], row("org_b", "b", flagged=True)]
    assert audit(ORGANIZATIONS, tickets, rows, {"a", "b"}, in_flight).unexplained == unexplained


def test_a_ticket_that_the_ledger_does_not_know_is_found() -> None:
    assert audit(ORGANIZATIONS, TICKETS, ROWS, {"a"}, {}).unknown == 1


@pytest.mark.parametrize("seed", range(3))
def test_three_seeds_kill_at_least_sixty_times_and_each_target(seed: int) -> None:
    planned = kills(seed, 200)
    assert len(planned) * 3 >= 60
    assert {kill.target for kill in planned} == set(Target)
    assert [kill.at for kill in planned] == sorted(kill.at for kill in planned)
    assert planned == kills(seed, 200)
