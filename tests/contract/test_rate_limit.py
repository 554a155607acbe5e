"""The headers of the rate limit, and its 429. Source: Auth0's rate-limit policy."""

from __future__ import annotations

import re

import pytest

from dev.sandbox.server import Sandbox
from tests.contract.client import CONNECTION_NAME, Answer, ContractClient
from tests.contract.facts import kinds, server_time

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
MAX_SECONDS_UNTIL_RESET = 3600


def test_an_answer_has_the_three_headers_of_the_rate_limit_as_whole_numbers(created: Answer) -> None:
    are_numbers = {name: re.fullmatch(r"\d+", created.headers.get(name, "")) is not None for name in HEADERS}
    assert are_numbers == dict.fromkeys(HEADERS, True)


def test_less_remains_than_the_limit(created: Answer) -> None:
    limit, remaining = (int(created.headers.get(name, 0)) for name in HEADERS[:2])
    assert {"below the limit": remaining < limit} == {"below the limit": True}


def test_the_reset_is_a_unix_time_in_seconds_near_the_tenants_own_time(created: Answer) -> None:
    seconds = int(created.headers.get(HEADERS[2], 0)) - server_time(created).timestamp()
    facts = {"not past": seconds >= -1, "within an hour": seconds <= MAX_SECONDS_UNTIL_RESET}
    assert facts == {"not past": True, "within an hour": True}


@pytest.mark.assumption("no page says which requests cost something")
def test_a_request_that_is_refused_has_the_headers_too(client: ContractClient) -> None:
    refused = client.create({"unknown": 1})
    assert [name for name in HEADERS if name in refused.headers] == list(HEADERS)


@pytest.fixture(scope="module")
def throttled(client: ContractClient, sandbox: Sandbox) -> Answer:
    """Return the answer of a sandbox whose bucket is empty."""
    sandbox.fault("rate_limit_storm", count=1)
    return client.create({"connection_config": {"name": CONNECTION_NAME}}, patient=False)


@pytest.mark.sandbox_only("other users of a tenant would be refused too")
def test_a_request_beyond_the_rate_limit_is_429_and_nothing_remains(throttled: Answer) -> None:
    remaining = throttled.headers.get(HEADERS[1])
    status = {name: throttled.error.get(name) for name in ("statusCode", "error")}
    assert (throttled.status, status, remaining) == (429, {"statusCode": 429, "error": "Too Many Requests"}, "0")


@pytest.mark.sandbox_only("other users of a tenant would be refused too")
@pytest.mark.assumption("it was seen so, and without any message too")
def test_the_429_says_that_the_global_limit_has_been_reached(throttled: Answer) -> None:
    said = (throttled.error.get("errorCode"), throttled.message(), kinds(throttled.body, ["message"]))
    assert said == ("too_many_requests", "Global limit has been reached", {"message": "text"})
