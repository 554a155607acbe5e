"""The books of the chaos find what they are made to find."""

from __future__ import annotations

from typing import Any

import pytest

from dev.sandbox.tenant.stats import TicketView
from tests.chaos.books import balance
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
    return {
        "organization_id": organization,
        "ticket_id": ticket_id,
        "status": status,
        "duplicate_possible": flagged,
    }


TICKETS = [ticket("a", "org_a"), ticket("b", "org_b")]
ROWS = [row("org_a", "a"), row("org_b", "b", "reused")]


def test_books_that_balance() -> None:
    books = balance(ORGANIZATIONS, TICKETS, ROWS, {"a", "b"}, {})
    assert (books.made, books.settled, books.lost, books.doubled, books.unknown) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row("org_a", "a")], id="a row is missing"),
        pytest.param([*ROWS, row("org_a", "a")], id="a row stands twice"),
        pytest.param([row("org_a", "a"), row("org_b", "", "failed")], id="a row failed"),
        pytest.param([row("org_a", "a"), row("org_b", "a")], id="a row has the ticket of another organization"),
        pytest.param([row("org_a", "a"), row("org_b", "c")], id="a row has a ticket that the tenant never made"),
    ],
)
def test_a_lost_row_is_found(rows: list[dict[str, Any]]) -> None:
    assert balance(ORGANIZATIONS, TICKETS, rows, {"a", "b"}, {}).lost == 1


def test_a_row_whose_ticket_was_revoked_is_lost() -> None:
    assert balance(ORGANIZATIONS, [TICKETS[0], ticket("b", "org_b", revoked=True)], ROWS, {"a"}, {}).lost == 1


def test_a_second_ticket_is_found() -> None:
    books = balance(ORGANIZATIONS, [*TICKETS, ticket("c", "org_b")], ROWS, {"a", "b"}, {})
    assert (books.doubled, books.unknown) == (1, 1)


def test_a_second_ticket_that_is_flagged_is_accounted_for() -> None:
    rows = [ROWS[0], row("org_b", "b", flagged=True)]
    books = balance(ORGANIZATIONS, [*TICKETS, ticket("c", "org_b")], rows, {"a", "b"}, {})
    assert (books.doubled, books.unknown, books.flagged) == (0, 0, {"org_b"})


@pytest.mark.parametrize(
    ("in_flight", "unexplained"), [({}, 2), ({"org_a": 2}, 2), ({"org_b": 1}, 1), ({"org_b": 2}, 0)]
)
def test_only_a_request_in_flight_explains_another_ticket(in_flight: dict[str, int], unexplained: int) -> None:
    tickets = [*TICKETS, ticket("c", "org_b"), ticket("d", "org_b")]
    rows = [ROWS[0], row("org_b", "b", flagged=True)]
    assert balance(ORGANIZATIONS, tickets, rows, {"a", "b"}, in_flight).unexplained == unexplained


def test_a_ticket_that_the_ledger_does_not_know_is_found() -> None:
    assert balance(ORGANIZATIONS, TICKETS, ROWS, {"a"}, {}).unknown == 1


@pytest.mark.parametrize("seed", range(20))
def test_three_seeds_kill_at_least_sixty_times_and_each_target_is_among_them(seed: int) -> None:
    planned = kills(seed, 200)
    assert len(planned) * 3 >= 60
    assert {kill.target for kill in planned} == set(Target)
    assert [kill.at for kill in planned] == sorted(kill.at for kill in planned)
    assert planned == kills(seed, 200)
