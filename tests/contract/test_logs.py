"""
The events of self-service SSO in the tenant's log.

Source: Auth0's pages "Retrieve Log Events Using the Management API" and "Log Search Query Syntax", and its Tenant Log
Catalog.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.client import Answer, ContractClient, ContractError
from tests.contract.facts import details, is_sorted, kind, kinds, objects, time_of
from tests.contract.window import Window

pytestmark = pytest.mark.needs_scope("read:logs")

FIELDS = {"log_id": "text", "date": "text", "type": "text", "description": "text", "ip": "text", "details": "object"}
DETAILS = {
    "ss_sso_event_name": "text",
    "ss_sso_tracing_id": "text",
    "connection_name": "text",
    "flow_type": "text",
}


@pytest.fixture(scope="module")
def event(generations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the event of a link that was made."""
    if not generations:
        raise ContractError("No search has found an event of the suite's own links.")
    return generations[0]


def test_a_link_that_is_made_is_an_event_of_success_with_its_connections_name(event: dict[str, Any]) -> None:
    facts = (event.get("type"), details(event).get("ss_sso_event_name"), details(event).get("flow_type"))
    assert facts == ("ss_sso_success", "ss_sso_ticket_generation", "create")


@pytest.mark.assumption("no page says that there is one event for each link")
def test_each_of_two_links_with_one_name_has_an_event(generations: list[dict[str, Any]]) -> None:
    names = [details(one).get("ss_sso_event_name") for one in generations]
    assert names == ["ss_sso_ticket_generation"] * 2


def test_an_event_has_an_id_a_time_a_type_a_description_an_address_and_details(event: dict[str, Any]) -> None:
    assert kinds(event, FIELDS) == FIELDS


def test_the_details_have_the_events_name_a_trace_the_connections_name_and_the_flow_type(event: dict[str, Any]) -> None:
    assert kinds(details(event), DETAILS) == DETAILS


@pytest.mark.assumption("the catalog describes the event, and no page says that a search returns each of its fields")
def test_an_event_names_the_tenant_and_its_environment(event: dict[str, Any]) -> None:
    fields = {"tenant_name": "text", "environment_name": "text"}
    assert kinds(event, fields) == fields


def test_an_event_has_no_field_connection_of_its_own(event: dict[str, Any]) -> None:
    assert kinds(event, ["connection", "connection_id"]) == {}


def test_the_time_of_an_event_is_iso_8601_in_utc(event: dict[str, Any]) -> None:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
    is_one = re.fullmatch(pattern, str(event.get("date"))) is not None
    assert {"like 2026-11-01T00:00:00.000Z": is_one} == {"like 2026-11-01T00:00:00.000Z": True}


def test_a_search_by_date_finds_what_lies_within_the_dates_newest_first(
    client: ContractClient, window: Window, event: dict[str, Any]
) -> None:
    found = client.read("logs", q=window.query(timedelta(days=-1)), sort="date:-1", per_page=100)
    times = [time_of(one) for one in objects(found.body)]
    known = [time for time in times if time is not None]
    facts = {
        "status": found.status,
        "answer": kind(found.body),
        "has events": bool(times),
        "all have a time": len(known) == len(times),
        "all within": all(abs(time - window.start) <= timedelta(days=1) for time in known),
        "newest first": is_sorted(known, downward=True),
    }
    expected = dict.fromkeys(("has events", "all have a time", "all within", "newest first"), True)
    assert facts == {"status": 200, "answer": "list", **expected}


def test_a_search_of_dates_without_events_is_an_empty_list(client: ContractClient, window: Window) -> None:
    later = window.query(timedelta(days=1), timedelta(days=2))
    found = client.read("logs", q=later, per_page=1)
    assert (found.status, kind(found.body), len(objects(found.body))) == (200, "list", 0)


def test_each_page_of_a_search_has_the_number_of_events_that_was_asked_for_and_other_ones(
    client: ContractClient, window: Window, generations: list[dict[str, Any]]
) -> None:
    pages = [client.read("logs", q=window.query(), sort="date:1", per_page=1, page=number) for number in (0, 1)]
    ids = [[one.get("log_id") for one in objects(page.body)] for page in pages]
    assert ([len(page) for page in ids], ids[0] != ids[1]) == ([1, 1], True)


@pytest.mark.assumption("the pages say that a request gets at most 100 events, and not what becomes of one for more")
def test_a_search_for_more_than_100_events_a_page_is_400(client: ContractClient) -> None:
    assert client.read("logs", per_page=101).status == 400


@pytest.fixture(scope="module")
def after(client: ContractClient, event: dict[str, Any]) -> Answer:
    """Return what a reading by checkpoint gives after an event, with a search beside it that finds nothing."""
    return client.read("logs", from_=str(event.get("log_id")), take=1, q="type:none")


def test_a_reading_by_checkpoint_ignores_the_search_and_gives_as_many_events_as_it_takes(after: Answer) -> None:
    assert (after.status, kind(after.body), len(objects(after.body))) == (200, "list", 1)


def test_a_reading_by_checkpoint_begins_after_that_event(after: Answer, event: dict[str, Any]) -> None:
    ids = [str(one.get("log_id")) for one in objects(after.body)]
    assert {"all after it": all(one > str(event.get("log_id")) for one in ids)} == {"all after it": True}


def test_a_reading_by_checkpoint_names_the_next_one_in_the_header_link(after: Answer) -> None:
    assert re.findall(r'rel="?(\w+)', after.headers.get("Link", "")) == ["next"]
