"""Which tenants the contract suite refuses, and what it asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.consent import TEST_TENANT, VARIABLE, RefusedError, announcement, require_consent

HOST = "acme-sandbox.eu.auth0.com"


def answering(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Return a person who gives these answers, and the questions that were asked."""
    left = list(answers)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return left.pop(0)

    return ask, asked


def test_a_person_types_the_host_and_that_it_is_a_test_tenant() -> None:
    ask, asked = answering(f" {HOST.upper()} ", TEST_TENANT)
    require_consent(HOST, "", ask)
    assert len(asked) == 2
    assert HOST in asked[1]


@pytest.mark.parametrize("typed", ["", "yes", "eu.auth0.com", f"https://{HOST}", "other.eu.auth0.com"])
def test_a_person_who_types_something_else_than_the_host_is_refused_at_once(typed: str) -> None:
    ask, asked = answering(typed, TEST_TENANT)
    with pytest.raises(RefusedError, match="not the host"):
        require_consent(HOST, "", ask)
    assert len(asked) == 1


@pytest.mark.parametrize("typed", ["", "yes", "y", HOST, "production"])
def test_a_person_who_does_not_say_that_it_is_a_test_tenant_is_refused(typed: str) -> None:
    ask, _ = answering(HOST, typed)
    with pytest.raises(RefusedError, match="not confirmed"):
        require_consent(HOST, "", ask)


def test_the_variable_stands_for_the_second_answer_only() -> None:
    ask, asked = answering(HOST)
    require_consent(HOST, HOST, ask)
    assert len(asked) == 1
    ask, _ = answering("yes")
    with pytest.raises(RefusedError, match="not the host"):
        require_consent(HOST, HOST, ask)


def test_where_nobody_can_be_asked_the_variable_must_name_the_host() -> None:
    require_consent(HOST, HOST, None)
    with pytest.raises(RefusedError, match=f"{VARIABLE}={HOST}"):
        require_consent(HOST, "", None)


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_variable_that_names_another_host_is_refused_whatever_is_typed(is_asked: bool) -> None:
    ask, asked = answering(HOST, TEST_TENANT)
    with pytest.raises(RefusedError, match=r"names the test tenant other\.eu\.auth0\.com"):
        require_consent(HOST, "other.eu.auth0.com", ask if is_asked else None)
    assert asked == []


@pytest.mark.parametrize(
    "host",
    [
        "acme-prod.eu.auth0.com",
        "prod.acme.com",
        "acme.production.example",
        "live-acme.us.auth0.com",
        "acme_prd.auth0.com",
    ],
)
def test_a_host_whose_name_says_production_is_refused_whatever_is_confirmed(host: str) -> None:
    ask, asked = answering(host, TEST_TENANT)
    for person in (ask, None):
        with pytest.raises(RefusedError, match="production tenant"):
            require_consent(host, host, person)
    assert asked == []


@pytest.mark.parametrize("host", ["product-tests.eu.auth0.com", "olive.us.auth0.com", "delivery.auth0.com"])
def test_a_host_that_only_contains_such_letters_is_not(host: str) -> None:
    require_consent(host, host, None)


def test_the_announcement_says_where_how_much_and_what_for() -> None:
    text = announcement(HOST, "ssp_1")
    for fact in (HOST, "at most 60 requests", "ssp_1", "sso-tickets-contract-test", "60 seconds", "is revoked"):
        assert fact in text
    for scope in ("create:sso_access_tickets", "delete:sso_access_tickets", "read:logs", "read:connections"):
        assert scope in text
