"""The page behind a ticket URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.clock import ManualClock

FIVE_HOURS = 5 * 3600
BUTTON = "Finish setup</button>"


@pytest.fixture
def client(run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any], clock: ManualClock) -> Any:
    return connect(run_tenant(clock=clock, token_lifetime=10_000_000))


def test_a_live_ticket_shows_what_it_is_for(client: Any) -> None:
    answer = client.http.get(client.ticket_url(enabled_organizations=[{"organization_id": "org_<1>"}]))
    assert answer.status_code == 200
    assert "acme" in answer.text
    assert "org_&lt;1&gt;" in answer.text
    assert BUTTON in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_ticket_can_be_opened_ten_times(client: Any) -> None:
    url = client.ticket_url()
    assert [client.http.get(url).status_code for _ in range(11)] == [200] * 10 + [410]
    (ticket,) = client.tenant.tickets
    assert (ticket.opens, ticket.state) == (10, "used_up")


@pytest.mark.parametrize(("fields", "life"), [({}, 432_000), ({"ttl_sec": 0}, 432_000), ({"ttl_sec": 60}, 60)])
def test_an_unopened_ticket_lives_its_ttl(client: Any, clock: ManualClock, fields: dict[str, int], life: int) -> None:
    url = client.ticket_url(**fields)
    clock.advance(life - 1)
    assert client.tenant.tickets[0].state == "live"
    clock.advance(1)
    answer = client.http.get(url)
    assert answer.status_code == 410
    assert "expired" in answer.text
    assert client.tenant.tickets[0].opens == 0


def test_an_opened_ticket_lives_five_hours_whatever_its_ttl(client: Any, clock: ManualClock) -> None:
    url = client.ticket_url(ttl_sec=60)
    clock.advance(59)
    assert client.http.get(url).status_code == 200
    clock.advance(FIVE_HOURS - 1)
    assert client.http.get(url).status_code == 200
    clock.advance(1)
    assert client.http.get(url).status_code == 410


def test_a_revoked_ticket_is_gone(client: Any) -> None:
    url = client.ticket_url()
    client.revoke(url.partition("=")[2])
    for answer in (client.http.get(url), client.http.post(url)):
        assert answer.status_code == 410
        assert "revoked" in answer.text
    assert client.tenant.connections == {}


@pytest.mark.parametrize("query", ["?ticket=" + "x" * 32, "?ticket=", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_ticket_is_not_found(client: Any, method: str, query: str) -> None:
    answer = client.http.request(method, f"/self-service/connections-flow{query}")
    assert answer.status_code == 404
    assert "unknown" in answer.text


def test_finishing_makes_the_connection_and_takes_its_name(client: Any) -> None:
    url = client.ticket_url("acme")
    assert list(client.tenant.connections.values()) == []
    client.http.get(url)
    assert client.http.post(url).status_code == 200
    assert list(client.tenant.connections.values()) == ["acme"]
    assert client.create("acme").status_code == 409
    answer = client.http.get(url)
    assert answer.status_code == 200
    assert "finished" in answer.text
    assert BUTTON not in answer.text


def test_of_two_tickets_with_one_name_only_one_can_be_finished(client: Any) -> None:
    first, second = client.ticket_url("acme"), client.ticket_url("acme")
    assert client.http.post(first).status_code == 200
    answer = client.http.post(second)
    assert answer.status_code == 409
    assert "exists already" in answer.text
    assert len(client.tenant.connections) == 1


def test_the_page_of_the_tenth_opening_can_still_be_finished(client: Any) -> None:
    url = client.ticket_url("acme")
    for _ in range(10):
        client.http.get(url)
    assert client.http.post(url).status_code == 200


def test_finishing_an_edit_ticket_makes_no_connection(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    client = connect(run_tenant(connections={"con_1": "acme"}))
    url = client.create(body={"connection_id": "con_1"}).json()["ticket"]
    assert "con_1" in client.http.get(url).text
    assert client.http.post(url).status_code == 200
    assert client.tenant.connections == {"con_1": "acme"}
