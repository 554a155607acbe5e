"""``GET /connections``. Source: the Management API's page "Get all connections"."""

from __future__ import annotations

import pytest

from tests.contract.client import CONNECTION_NAME, Answer, ContractClient
from tests.contract.facts import kind, kinds, objects

pytestmark = pytest.mark.needs_scope("read:connections")

FIELDS = {"id": "text", "name": "text", "strategy": "text"}


def test_connections_by_a_name_that_none_has_are_an_empty_list(client: ContractClient, created: Answer) -> None:
    """A link alone creates no connection."""
    found = client.read("connections", name=CONNECTION_NAME)
    assert (found.status, kind(found.body), len(objects(found.body))) == (200, "list", 0)


@pytest.fixture(scope="module")
def first(client: ContractClient) -> Answer:
    """Return a page of one connection, by checkpoint, with three fields of it."""
    return client.read("connections", take=1, fields=",".join(FIELDS))


@pytest.fixture(scope="module")
def following(client: ContractClient, first: Answer) -> Answer:
    begin = (first.body or {}).get("next")
    if not isinstance(begin, str):
        pytest.skip("the tenant has fewer than two connections")
    return client.read("connections", take=1, fields=",".join(FIELDS), from_=begin)


def items(page: Answer) -> list[dict[str, object]]:
    return objects((page.body or {}).get("connections"))


def test_a_page_by_checkpoint_is_an_object_that_has_the_connections(first: Answer) -> None:
    assert (first.status, kinds(first.body, ["connections"])) == (200, {"connections": "list"})


def test_a_connection_has_the_fields_that_were_asked_for_and_no_other(first: Answer) -> None:
    if not items(first):
        pytest.skip("the tenant has no connection")
    assert kinds(items(first)[0]) == FIELDS


def test_the_next_page_begins_where_the_page_before_says(first: Answer, following: Answer) -> None:
    ids = [one.get("id") for one in items(first) + items(following)]
    assert (following.status, len(ids), len(set(ids))) == (200, 2, 2)
