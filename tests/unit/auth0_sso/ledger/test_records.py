"""What identifies a request and its prospect, and what follows from an entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import Entry, TicketSpec
from auth0_sso.models import MAX_OPENINGS, OPEN_SECONDS

from tests.support.factories import NOW, SPEC, entry


def changed(**fields: Any) -> TicketSpec:
    return replace(SPEC, request=replace(SPEC.request, **fields))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(SPEC, tenant="other.example.com"), id="another tenant"),
        pytest.param(replace(SPEC, profile_id="ssp_2"), id="another profile"),
        pytest.param(changed(organization_id="org_2"), id="another organization"),
        pytest.param(changed(prospect="bob@example.com"), id="another prospect"),
        pytest.param(
            changed(organization_id="org_1a", prospect=SPEC.request.prospect[1:]), id="parts that run together"
        ),
    ],
)
def test_another_prospect_profile_or_tenant_has_an_entry_of_its_own(other: TicketSpec) -> None:
    assert other.key != SPEC.key


@pytest.mark.parametrize("field", ["organization_name", "connection_name", "prospect_name", "language", "source"])
def test_another_name_is_neither_another_prospect_nor_another_request(field: str) -> None:
    renamed = changed(**{field: "Renamed"})
    assert (renamed.key, renamed.fingerprint) == (SPEC.key, SPEC.fingerprint)


def test_another_body_or_custom_domain_is_another_request_but_another_order_of_fields_is_not() -> None:
    assert replace(SPEC, custom_domain="login.example.com").fingerprint != SPEC.fingerprint
    assert changed(body={"ttl_sec": 5}).fingerprint != SPEC.fingerprint
    one = changed(body={"ttl_sec": 5, "connection_config": {"name": "acme", "is_domain_connection": True}})
    two = changed(body={"connection_config": {"is_domain_connection": True, "name": "acme"}, "ttl_sec": 5})
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize(("body", "ttl"), [({}, 432_000), ({"ttl_sec": 0}, 432_000), ({"ttl_sec": 60}, 60)])
def test_no_lifetime_and_0_mean_five_days(body: dict[str, Any], ttl: float) -> None:
    assert changed(body=body).ttl == ttl


@pytest.mark.parametrize(
    ("known", "until"),
    [
        pytest.param(entry("created"), 0.0, id="an answer leaves none"),
        pytest.param(entry("deferred"), 0.0, id="a 429 leaves none"),
        pytest.param(entry("failed"), 0.0, id="a refusal leaves none"),
        pytest.param(entry("in_flight", valid_until=NOW + 9), NOW + 9, id="an intent may have created a ticket"),
        pytest.param(entry("unknown", valid_until=NOW + 9), NOW + 9, id="so may a lost answer"),
        pytest.param(entry("created", duplicate_until=NOW + 5), NOW + 5, id="an earlier one outlives an answer"),
        pytest.param(entry("unknown", valid_until=NOW + 9, duplicate_until=NOW + 20), NOW + 20, id="the latest counts"),
    ],
)
def test_a_duplicate_is_possible_as_long_as_an_unseen_ticket_may_be_valid(known: Entry, until: float) -> None:
    assert known.lost_ticket_until == until
    assert (known.may_be_duplicate(NOW), known.may_be_duplicate(until)) == (until > NOW, False)


@pytest.mark.parametrize(
    ("changes", "valid", "works"),
    [
        ({}, True, True),
        ({"expires_at": NOW}, False, True),
        ({"expires_at": NOW - OPEN_SECONDS}, False, False),
        ({"expires_at": None}, False, False),
        ({"ticket": None}, False, False),
        ({"status": "revoking"}, False, True),
        ({"status": "revoked"}, False, False),
    ],
)
def test_a_ticket_is_valid_until_it_expires_or_is_about_to_be_revoked_and_may_work_for_longer(
    changes: dict[str, Any], valid: bool, works: bool
) -> None:
    known = entry(**changes)
    assert (known.is_valid(NOW), known.may_work(NOW)) == (valid, works)


MADE = NOW - 10 * 3600
OPENED_LONG_AGO = MADE + 3600


@pytest.mark.parametrize(
    ("known", "openings", "expected"),
    [
        (entry(), [], "valid"),
        (entry(), [OPENED_LONG_AGO], "valid"),
        (entry(created_at=MADE), [], "valid"),
        (entry(created_at=MADE), [OPENED_LONG_AGO], "used_up"),
        (entry(created_at=MADE), [NOW - OPEN_SECONDS + 1], "valid"),
        (entry(created_at=MADE), [NOW - OPEN_SECONDS], "used_up"),
        (entry(created_at=MADE), [MADE + 60], "valid"),
        (entry(created_at=MADE), [MADE + 61], "used_up"),
        (entry(created_at=MADE), [MADE + 60] * (MAX_OPENINGS - 1), "valid"),
        (entry(created_at=MADE), [MADE + 60] * MAX_OPENINGS, "used_up"),
        (entry(created_at=MADE), [MADE - 1] * MAX_OPENINGS, "valid"),
        (entry(created_at=MADE, expires_at=NOW), [OPENED_LONG_AGO], "expired"),
        (entry(created_at=MADE, ticket=None), [], "expired"),
        (entry("revoking", created_at=MADE), [OPENED_LONG_AGO], "revoked"),
        (entry("revoked", created_at=MADE), [], "revoked"),
        (entry("created", created_at=None), [], "none"),
        *((entry(status, created_at=MADE), [], "none") for status in ("in_flight", "unknown", "conflict", "failed")),
    ],
)
def test_a_link_is_worth_what_time_and_customer_have_left_of_it(
    known: Entry, openings: list[float], expected: str
) -> None:
    assert known.link_state(openings, NOW) == expected
