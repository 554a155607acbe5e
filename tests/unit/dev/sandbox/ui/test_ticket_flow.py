"""The page behind a ticket URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock

FIVE_HOURS = 5 * 3600
BUTTON = "Enable Connection</button>"
SET_UP = "Set up without enabling</button>"
CLIENTS = {"enabled_clients": ["client_1"]}
DOMAIN = "acme.example"


def domains(verification: str) -> dict[str, Any]:
    return {"domain_aliases_config": {"domain_verification": verification, "pending_domains": [DOMAIN]}}


def steps(page: Any) -> list[str]:
    """Return the steps that a page has buttons for."""
    return re.findall(r'name="step" value="(\w+)"', page.text)


@pytest.fixture
def client(new_client: Callable[..., Any], clock: ManualClock) -> Any:
    return new_client(clock=clock, token_lifetime=10_000_000, connections={"con_1": "old"})


def test_the_page_of_a_valid_ticket_shows_what_it_is_for(client: Any) -> None:
    page = client.http.get(client.ticket_url(enabled_organizations=[{"organization_id": "org_<1>"}], **CLIENTS))
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
    assert names(client) == ["old"]


@pytest.mark.parametrize("query", ["?ticket=" + "x" * 32, ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_ticket_is_not_found(client: Any, method: str, query: str) -> None:
    page = client.http.request(method, f"/self-service/connections-flow{query}")
    assert page.status_code == 404
    assert "unknown" in page.text


def test_finishing_creates_the_connection_and_takes_its_name(client: Any) -> None:
    first, second = client.ticket_url("acme", **CLIENTS), client.ticket_url("acme", **CLIENTS)
    client.http.get(first)
    assert names(client) == ["old"]
    assert client.http.post(first).status_code == 200
    assert enabled(client) == {"old": True, "acme": True}
    assert client.create("acme").status_code == 409

    page = client.http.get(first)
    assert page.status_code == 200
    assert "finished" in page.text
    assert BUTTON not in page.text

    page = client.http.post(second)
    assert page.status_code == 409
    assert "exists already" in page.text
    assert names(client) == ["old", "acme"]


@pytest.mark.parametrize("fields", [{}, {"enabled_clients": []}], ids=["absent", "empty"])
def test_without_clients_the_page_has_no_button_to_enable_the_connection_and_somebody_must_do_it_by_hand(
    client: Any, fields: dict[str, Any]
) -> None:
    url = client.ticket_url("acme", **fields)
    page = client.http.get(url)
    assert BUTTON not in page.text
    assert SET_UP in page.text

    page = client.http.post(url)
    assert page.status_code == 200
    assert "not enabled" in page.text
    assert enabled(client) == {"old": True, "acme": False}
    assert client.tenant.tickets[0].state == "finished"
    assert client.create("acme").status_code == 409, "the connection exists"


@pytest.mark.parametrize(("fields", "is_enabled"), [({}, False), (CLIENTS, True)], ids=["no clients", "clients"])
def test_an_edit_ticket_creates_no_connection_and_enables_its_own_if_it_names_clients(
    client: Any, fields: dict[str, Any], is_enabled: bool
) -> None:
    client.http.post(client.ticket_url("acme"))
    (connection_id,) = set(client.tenant.connections) - {"con_1"}
    url = client.create(body={"connection_id": connection_id, **fields}).json()["ticket"]
    assert connection_id in client.http.get(url).text
    assert client.http.post(url).status_code == 200
    assert enabled(client) == {"old": True, "acme": is_enabled}


def test_a_setup_can_be_done_in_steps_and_each_page_offers_the_next_ones(client: Any) -> None:
    url = client.ticket_url("acme", **CLIENTS, **domains("required"))
    page = client.http.get(url)
    assert f"{DOMAIN} (pending)" in page.text
    assert steps(page) == ["set_up", "finish", "leave"]

    assert steps(client.take(url, "set_up")) == ["verify", "verify_early", "leave"]
    assert enabled(client) == {"old": True, "acme": False}

    assert f"{DOMAIN} (pending)" in client.take(url, "verify_early").text
    page = client.take(url, "verify")
    assert f"{DOMAIN} (verified)" in page.text
    assert steps(page) == ["enable", "leave"]

    page = client.take(url, "enable")
    assert "finished" in page.text
    assert steps(page) == []
    assert enabled(client) == {"old": True, "acme": True}
    assert client.tenant.tickets[0].state == "finished"


def test_a_setup_that_was_left_can_be_taken_up_again(client: Any) -> None:
    url = client.ticket_url("acme", **CLIENTS)
    page = client.take(url, "set_up", "leave")
    assert "can be opened again" in page.text
    assert client.tenant.tickets[0].state == "live"
    assert steps(client.http.get(url)) == ["enable", "leave"]
    client.take(url, "set_up", "finish")
    assert enabled(client) == {"old": True, "acme": True}


@pytest.mark.parametrize(("verification", "status"), [("required", 409), ("optional", 200)])
def test_domains_that_must_be_verified_keep_a_connection_from_being_enabled(
    client: Any, verification: str, status: int
) -> None:
    url = client.ticket_url("acme", **CLIENTS, **domains(verification))
    client.take(url, "set_up")
    page = client.take(url, "enable")
    assert page.status_code == status
    assert ("must be verified first" in page.text) == (status == 409)
    assert enabled(client)["acme"] == (status == 200)
    client.take(url, "verify", "enable")
    assert enabled(client)["acme"]


def test_no_step_enables_a_connection_without_clients(client: Any) -> None:
    page = client.take(client.ticket_url("acme"), "set_up", "enable")
    assert page.status_code == 409
    assert "names no applications" in page.text
    assert enabled(client) == {"old": True, "acme": False}


def test_the_page_of_the_last_opening_leads_through_all_steps(client: Any) -> None:
    url = client.ticket_url("acme", **CLIENTS)
    for _ in range(10):
        client.http.get(url)
    assert steps(client.take(url, "set_up")) == ["enable", "leave"]
    client.take(url, "enable")
    assert enabled(client) == {"old": True, "acme": True}


@pytest.mark.parametrize("form", [{"step": "fly"}, {"step": "set_up", "strategy": "carrier-pigeon"}])
def test_an_unknown_step_or_strategy_changes_nothing(client: Any, form: dict[str, str]) -> None:
    assert client.http.post(client.ticket_url("acme"), data=form).status_code == 400
    assert names(client) == ["old"]


def names(client: Any) -> list[str]:
    return [connection.name for connection in client.tenant.connections.values()]


def enabled(client: Any) -> dict[str, bool]:
    return {connection.name: connection.enabled for connection in client.tenant.connections.values()}
