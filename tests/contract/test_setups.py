"""
Which events come after what a customer does with a link.

Source: the Tenant Log Catalog names the events and "Manage Self-Service Enterprise Configuration" the steps.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.client import CONNECTION_NAME, Answer, ContractClient
from tests.contract.customer import Customer
from tests.contract.facts import details, objects
from tests.contract.window import Window

pytestmark = [
    pytest.mark.sandbox_only("a customer must open a link, and the suite opens none of a tenant"),
    pytest.mark.assumption("the catalog names the events, and no page says when each is written"),
]

WITH_CLIENT = {"enabled_clients": ["contract-client"]}
DOMAIN = {"domain_aliases_config": {"domain_verification": "required", "pending_domains": ["setup.example"]}}
FINISHED, UNFINISHED, LEFT, USED_UP = (f"{CONNECTION_NAME}-{end}" for end in ("whole", "no-client", "left", "used-up"))


@pytest.fixture(scope="module")
def events(client: ContractClient, customer: Customer, window: Window) -> list[dict[str, Any]]:
    """Return what the log has after four customers have acted, oldest first."""

    def link(name: str, **fields: Any) -> Answer:
        return client.create({"connection_config": {"name": name}, **fields})

    whole = link(FINISHED, **WITH_CLIENT, **DOMAIN)
    customer.opens(whole)
    customer.takes(whole, "set_up", "verify_early", "verify", "enable")
    customer.takes(link(UNFINISHED), "finish")
    left = link(LEFT, **WITH_CLIENT)
    customer.opens(left)
    customer.takes(left, "set_up", "leave")
    used_up = link(USED_UP)
    for _ in range(11):
        customer.opens(used_up)
    return objects(client.read("logs", q=window.query(), sort="date:1", per_page=100).body)


def names(events: list[dict[str, Any]], connection: str) -> list[str]:
    """Return the names of a connection's events, those of a failure with a mark."""
    ours = [one for one in events if details(one).get("connection_name") == connection]
    marks = {"ss_sso_failure": "failed: "}
    return [marks.get(one["type"], "") + details(one)["ss_sso_event_name"].removeprefix("ss_sso_") for one in ours]


def test_a_whole_setup_is_opened_created_verified_enabled_and_ended(events: list[dict[str, Any]]) -> None:
    assert names(events, FINISHED) == [
        "ticket_generation",
        "ticket_consumption",
        "connection_creation",
        "add_domain",
        "domain_verification_unsuccessful",
        "domain_verification_successful",
        "enable_connection",
        "flow_end",
    ]


def test_a_setup_without_a_client_ends_and_is_not_enabled(events: list[dict[str, Any]]) -> None:
    assert names(events, UNFINISHED) == ["ticket_generation", "connection_creation", "flow_end"]


def test_a_setup_that_was_left_has_an_end_and_is_not_enabled(events: list[dict[str, Any]]) -> None:
    assert names(events, LEFT) == ["ticket_generation", "ticket_consumption", "connection_creation", "flow_end"]


def test_a_link_is_opened_ten_times_and_then_refused(events: list[dict[str, Any]]) -> None:
    opened = ["ticket_consumption"] * 10
    assert names(events, USED_UP) == ["ticket_generation", *opened, "failed: ticket_consumption"]
