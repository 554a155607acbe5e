"""``GET /api/v2/logs``, by search and by checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock

NewClient = Callable[..., Any]
SSO = "type:ss_sso_*"


@pytest.fixture
def client(new_client: NewClient, clock: ManualClock) -> Any:
    return new_client(clock=clock, token_lifetime=10_000_000)


def names(response: Any) -> list[str]:
    return [log["details"]["connection_name"] for log in response.json()]


def test_a_search_finds_what_it_is_for_newest_first_or_oldest_first(client: Any, clock: ManualClock) -> None:
    for name in ("a", "b", "c"):
        client.create(name)
        clock.advance(60)
    assert names(client.read("logs", q=SSO)) == ["c", "b", "a"]
    assert names(client.read("logs", q=SSO, sort="date:1")) == ["a", "b", "c"]
    assert [log["type"] for log in client.read("logs", sort="date:1").json()] == ["seccft", *["ss_sso_success"] * 3]
    first_two = "date:[2027-01-15T08:00:00Z TO 2027-01-15T08:02:00Z}"
    assert names(client.read("logs", q=f"{SSO} AND {first_two}", sort="date:1")) == ["a", "b"]


def test_a_search_is_read_by_page_as_an_array_or_with_totals(client: Any, clock: ManualClock) -> None:
    for name in ("a", "b", "c"):
        client.create(name)
    clock.advance(3)
    assert names(client.read("logs", q=SSO, sort="date:1", per_page=2, page=1)) == ["c"]
    body = client.read("logs", q=SSO, per_page=2, page=1, include_totals="true").json()
    assert {name: body[name] for name in ("start", "limit", "total")} == {"start": 2, "limit": 2, "total": 3}
    assert len(body["logs"]) == 1
    assert client.read("logs", q=SSO, fields="type,log_id", per_page=1).json()[0].keys() == {"type", "log_id"}
    assert "type" not in client.read("logs", fields="type", include_fields="false").json()[0]


@pytest.mark.parametrize(
    ("parameters", "code", "named"),
    [
        ({"per_page": 101}, "invalid_query_string", "less than or equal to 100' on property per_page"),
        ({"per_page": 100, "page": 10}, "invalid_paging", "page 10 exceeds the allowed maximum of 1000 records"),
        ({"sort": "type:1"}, "invalid_query_string", "on property sort"),
        (
            {"q": "NOT type:s"},
            "invalid_query_string",
            "error: ''NOT' is not a field that can be searched' on property q",
        ),
        ({"query": SSO}, "invalid_query_string", "on property query"),
        ({"take": 101}, "invalid_query_string", "less than or equal to 100' on property take"),
    ],
)
def test_a_wrong_parameter_is_named(client: Any, parameters: dict[str, Any], code: str, named: str) -> None:
    response = client.read("logs", **parameters)
    assert (response.status_code, response.json()["errorCode"]) == (400, code)
    assert named in response.json()["message"]


def test_the_last_page_of_a_thousand_can_be_read(client: Any) -> None:
    assert client.read("logs", per_page=100, page=9).status_code == 200


def test_a_search_finds_an_event_only_after_the_delay_and_a_checkpoint_has_it_at_once(
    client: Any, clock: ManualClock
) -> None:
    client.create("acme")
    clock.advance(2.9)
    assert client.read("logs", q=SSO).json() == []
    assert len(client.read("logs", take=10).json()) == 2
    clock.advance(0.1)
    assert names(client.read("logs", q=SSO)) == ["acme"]


def test_events_can_be_found_in_another_order_than_they_happened(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, log_delay=(0, 100))
    for number in range(30):
        client.create(f"c{number}")
        clock.advance(0.01)
    found: list[str] = []
    for _ in range(100):
        clock.advance(1)
        found += [name for name in names(client.read("logs", q=SSO, sort="date:1")) if name not in found]
    assert sorted(found) == sorted(f"c{number}" for number in range(30))
    assert found != [f"c{number}" for number in range(30)]


def test_by_checkpoint_every_event_comes_in_order_and_the_query_is_ignored(client: Any) -> None:
    for name in ("a", "b", "c"):
        client.create(name)
    first = client.read("logs", take=2, q="type:none", per_page=500)
    assert [log["type"] for log in first.json()] == ["seccft", "ss_sso_success"]
    rest = client.http.get(first.links["next"]["url"], headers=client.headers()).json()
    ids = [log["log_id"] for log in first.json() + rest]
    assert [log["details"]["connection_name"] for log in rest] == ["b", "c"]
    assert ids == sorted(set(ids))
    assert client.read("logs", **{"from": ids[-1]}).json() == []
    assert [log["log_id"] for log in client.read("logs", **{"from": ids[1]}).json()] == ids[2:]


@pytest.mark.parametrize(("plan", "days"), [("free", 1), ("professional", 10), ("enterprise", 30)])
def test_an_event_is_kept_as_long_as_the_plan_says(
    new_client: NewClient, clock: ManualClock, plan: str, days: int
) -> None:
    client = new_client(clock=clock, plan=plan, token_lifetime=10_000_000)
    client.create("acme")
    clock.advance(days * 86_400)
    assert names(client.read("logs", q=SSO)) == ["acme"]
    clock.advance(1)
    assert client.read("logs").json() == client.read("logs", take=10).json() == []
