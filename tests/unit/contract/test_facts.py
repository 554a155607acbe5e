"""What the contract suite reduces answers to."""

from __future__ import annotations

import pytest

from tests.contract.client import JsonObject
from tests.contract.facts import kinds, link_facts

TENANT = "https://acme.eu.auth0.com"
TICKET = "aB3" * 10 + "xy"
AS_STATED = {
    "host": "the tenant's",
    "path": "/self-service/connections-flow",
    "parameters": "ticket",
    "ticket": "32 letters and digits",
}


@pytest.mark.parametrize(
    ("link", "different"),
    [
        (f"{TENANT}/self-service/connections-flow?ticket={TICKET}", {}),
        (f"http://acme.eu.auth0.com/self-service/connections-flow?ticket={TICKET}", {"host": "another"}),
        (f"https://login.acme.com/self-service/connections-flow?ticket={TICKET}", {"host": "another"}),
        (f"{TENANT}/flow/{TICKET}?ticket={TICKET}", {"path": "another"}),
        (f"{TENANT}/self-service/connections-flow?ticket={TICKET}&to=1", {"parameters": "ticket, to"}),
        (f"{TENANT}/self-service/connections-flow?ticket=a-b", {"ticket": "3 other characters"}),
    ],
)
def test_a_link_is_compared_by_its_parts_and_never_shown(link: str, different: dict[str, str]) -> None:
    facts = link_facts(link, TENANT)
    assert facts == {**AS_STATED, **different}
    assert TICKET not in str(facts)


@pytest.mark.parametrize("link", [None, "", f"http://[{TICKET}"])
def test_what_is_no_link_is_never_shown_either(link: str | None) -> None:
    facts = link_facts(link, TENANT)
    assert facts != AS_STATED
    assert TICKET not in str(facts)


def test_an_object_is_compared_by_the_types_of_its_fields() -> None:
    value = JsonObject(text="a", yes=True, number=1, nothing=None, items=[1], inner=JsonObject())
    assert kinds(value) == {
        "text": "text",
        "yes": "boolean",
        "number": "number",
        "nothing": "null",
        "items": "list",
        "inner": "object",
    }
    assert kinds(value, ["yes", "missing"]) == {"yes": "boolean"}
    assert kinds(["a"]) == "list"
