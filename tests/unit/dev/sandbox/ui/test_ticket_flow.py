"""The page behind a ticket URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock

FIVE_HOURS = 5 * 3600
BUTTON = "Finish setup</button>"


@pytest.fixture
def client(new_client: Callable[..., Any], clock: ManualClock) -> Any:
    return new_client(clock=clock, token_lifetime=10_000_000, connections={"con_1": "old"})


def test_the_page_of_a_valid_ticket_shows_what_it_is_for(client: Any) -> None:
    page = client.http.get(client.ticket_url(enabled_organizations=[{"organization_id": "org_<1>"}]))
    assert page.status_code == 200
    assert "acme" in page.text
    assert "org_&lt;1&gt;" in page.text
    assert BUTTON in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_a_ticket_can_be_opened_ten_times_and_then_still_be_finished(client: Any) -> None:
    url = client.ticket_url()
    assert [client.http.get(url).status_code for _ in range(11)] == [200] * 10 + [410]
    (ticket,) = client.tenant.tickets
    assert (ticket.opens, ticket.state) == (10, "used_up")
    assert client.http.post(url).status_code == 200


@pytest.mark.parametrize(("fields", "seconds"), [({}, 432_000), ({"ttl_sec": 0}, 432_000), ({"ttl_sec": 60}, 60)])
def test_an_unopened_ticket_is_valid_for_its_ttl(
    client: Any, clock: ManualClock, fields: dict[str, int], seconds: int
) -> None:
    url = client.ticket_url(**fields)
    clock.advance(seconds - 1)
    assert client.tenant.tickets[0].state == "live"
    clock.advance(1)
    page = client.http.get(url)
    assert page.status_code == 410
    assert "expired" in page.text
    assert client.tenant.tickets[0].opens == 0


def test_an_opened_ticket_is_valid_for_five_hours_with_any_ttl(client: Any, clock: ManualClock) -> None:
    url = client.ticket_url(ttl_sec=60)
    for seconds, status in ((59, 200), (FIVE_HOURS - 1, 200), (1, 410)):
        clock.advance(seconds)
        assert client.http.get(url).status_code == status


def test_a_revoked_ticket_is_gone(client: Any) -> None:
    url = client.ticket_url()
    client.revoke(url.partition("=")[2])
    for page in (client.http.get(url), client.http.post(url)):
        assert page.status_code == 410
        assert "revoked" in page.text
    assert client.tenant.connections == {"con_1": "old"}


@pytest.mark.parametrize("query", ["?ticket=" + "x" * 32, ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_ticket_is_not_found(client: Any, method: str, query: str) -> None:
    page = client.http.request(method, f"/self-service/connections-flow{query}")
    assert page.status_code == 404
    assert "unknown" in page.text


def test_finishing_creates_the_connection_and_takes_its_name(client: Any) -> None:
    first, second = client.ticket_url("acme"), client.ticket_url("acme")
    client.http.get(first)
    assert list(client.tenant.connections.values()) == ["old"]
    assert client.http.post(first).status_code == 200
    assert list(client.tenant.connections.values()) == ["old", "acme"]
    assert client.create("acme").status_code == 409

    page = client.http.get(first)
    assert page.status_code == 200
    assert "finished" in page.text
    assert BUTTON not in page.text

    page = client.http.post(second)
    assert page.status_code == 409
    assert "exists already" in page.text
    assert len(client.tenant.connections) == 2


def test_finishing_an_edit_ticket_creates_no_connection(client: Any) -> None:
    url = client.create(body={"connection_id": "con_1"}).json()["ticket"]
    assert "con_1" in client.http.get(url).text
    assert client.http.post(url).status_code == 200
    assert client.tenant.connections == {"con_1": "old"}
