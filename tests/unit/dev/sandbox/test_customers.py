"""Customers who act on the links of a running sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from dev.sandbox.__main__ import main
from dev.sandbox.customers import SHARES, play_customers

NewClient = Callable[..., Any]
PLAN = "private-1500"
FIELDS = {
    "enabled_clients": ["client_1"],
    "domain_aliases_config": {"domain_verification": "required", "pending_domains": ["acme.example"]},
}


def with_tickets(client: Any, count: int) -> Any:
    """Return the client of a tenant with so many live tickets."""
    for number in range(count):
        client.create(f"c{number}", **FIELDS)
    return client


def test_each_live_ticket_gets_a_customer_and_each_thing_they_do_shows_in_the_tenant(new_client: NewClient) -> None:
    client = with_tickets(new_client(plan=PLAN), 80)
    client.revoke(client.tenant.tickets[0].id)
    played = play_customers(client.tenant.url, seed=1)
    did = dict(played)
    assert did.keys() == {f"c{number}" for number in range(1, 80)}
    assert len(set(did.values())) == len(SHARES)

    opens = {ticket.connection_name: ticket.opens for ticket in client.tenant.tickets}
    by_name = {connection.name: connection for connection in client.tenant.connections.values()}
    for name, what in did.items():
        assert opens[name] == {"ignores it": 0, "opens it too often": 10}.get(what, 1)
        assert (name in by_name) == (what in ("gives up", "waits for a domain", "finishes"))
        assert (name in by_name and by_name[name].enabled) == (what == "finishes")
    scanned = [log for log in client.tenant.logs if "Scanner" in log.get("user_agent", "")]
    assert {log["ip"].rpartition(".")[0] for log in scanned} == {"198.51.100"}
    scans = list(did.values()).count("is scanned")
    assert len(scanned) == scans
    assert {what for _, what in played[:scans]} == {"is scanned"}, "before anybody opens a link"
    assert client.events().count(("ss_sso_failure", "ss_sso_ticket_consumption")) == list(did.values()).count(
        "opens it too often"
    )


def test_people_open_no_link_that_is_younger_than_they_are_told(new_client: NewClient) -> None:
    client = with_tickets(new_client(plan=PLAN), 20)
    newest = max(ticket.created_at for ticket in client.tenant.tickets)
    play_customers(client.tenant.url, seed=1, reading_seconds=1.0)
    browsers = [log for log in client.tenant.logs if "Firefox" in log.get("user_agent", "")]
    assert min(datetime.fromisoformat(log["date"]).timestamp() for log in browsers) >= newest + 0.9


def test_the_same_seed_means_the_same_acts(new_client: NewClient) -> None:
    first, second, other = (with_tickets(new_client(plan=PLAN), 20).tenant.url for _ in range(3))
    assert play_customers(first, seed=7) == play_customers(second, seed=7) != play_customers(other, seed=8)


def test_the_command_prints_who_did_what_and_no_ticket(
    new_client: NewClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client = with_tickets(new_client(plan=PLAN), 20)
    assert main(["customers", "--url", client.tenant.url, "--seed", "3", "--reading-seconds", "0"]) == 0
    printed = capsys.readouterr().out
    assert "c0: " in printed
    assert "Live tickets: 20" in printed
    assert not any(ticket.id in printed for ticket in client.tenant.tickets)


def test_the_command_says_where_it_found_no_tenant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["customers", "--url", "http://127.0.0.1:1"]) == 1
    assert "No sandbox tenant responds at http://127.0.0.1:1" in capsys.readouterr().err
