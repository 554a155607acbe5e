"""The parts of the prospects that are counted and listed by SQL are those that the functions of Python find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger import schema
from auth0_sso.ledger.browse import count_parts, last_followed, list_setups, search, times_made
from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.parts import Attention, Part
from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import (
    MAX_OPENINGS,
    OPEN_SECONDS,
    OPENED_EVENT,
    SCANNER_SECONDS,
    DeliveryStatus,
    Funnel,
    LinkState,
    MailKind,
    Setup,
    SetupEvent,
    SetupState,
    SsoTicket,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from tests.support.factories import FIRST_RUN, SPEC, entry

TENANT, OTHER_TENANT = "acme.example.com", "other.example.com"
NOW = 1_800_000_000.0
DAY = 86_400.0
LINK = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t1")


@pytest.fixture(autouse=True)
def clock(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.database.clock, "now", lambda: NOW)


def prospect(name: str, **changes: Any) -> Entry:
    """Return a prospect with a connection of this name, and a valid link that was made a day ago."""
    made = entry(key=name, organization_id=f"org_{name}", organization_name=name, connection_name=name, prospect=name)
    return replace(made, **{"created_at": NOW - DAY, "expires_at": NOW + 3 * DAY, **changes})


def add(ledger: Ledger, *entries: Entry) -> None:
    with ledger.database.engine.begin() as connection:
        connection.execute(insert(schema.tickets), [ledger._row(one) for one in entries])


def opened(name: str, *times: float, tenant: str = TENANT, **changes: Any) -> list[SetupEvent]:
    given: dict[str, Any] = {"name": OPENED_EVENT, "succeeded": True, "flow_type": "create", "message": ""}
    values = {"connection_name": name, **given, **changes}
    return [SetupEvent(log_id=f"{tenant}-{name}-{at}-{number}", at=at, **values) for number, at in enumerate(times)]


def know(ledger: Ledger, events: Sequence[SetupEvent] = (), *, tenant: str = TENANT, **setups: Setup) -> None:
    log = SetupLog(ledger.database, tenant)
    log.add_events(events, ReadTime(NOW - 9 * DAY, NOW))
    log.keep({name.replace("_", "-"): setup for name, setup in setups.items()}, NOW)


def found(ledger: Ledger, part: Part, text: str = "") -> set[str]:
    return {one.entry.connection_name for one in search(ledger, text, part=part, limit=100)}


def reasons(ledger: Ledger) -> dict[str, list[Attention]]:
    return {one.entry.connection_name: list(one.attention) for one in search(ledger, "", limit=100) if one.attention}


# Just before, at and after each bound, in seconds after the link was made.
OPENINGS = [
    -1.0,
    0.0,
    SCANNER_SECONDS,
    SCANNER_SECONDS + 0.001,
    3_600.0,
    DAY - OPEN_SECONDS,
    DAY - OPEN_SECONDS + 0.001,
]
LINKS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(EntryStatus),
        "flow_type": st.sampled_from(["create", "update"]),
        "tenant": st.sampled_from([TENANT, OTHER_TENANT]),
        "created_at": st.sampled_from([NOW - DAY, NOW - DAY, None]),
        "expires_at": st.sampled_from([NOW + DAY, NOW + 1, NOW, NOW - 1, None]),
        "ticket": st.sampled_from([LINK, LINK, None]),
    }
)
LOGGED = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.sampled_from([NOW - DAY + after for after in OPENINGS]),
            "name": st.sampled_from([OPENED_EVENT, OPENED_EVENT, OPENED_EVENT, "ss_sso_flow_end"]),
            "succeeded": st.sampled_from([True, True, True, False]),
            "flow_type": st.sampled_from(["create", "create", "update", ""]),
            "connection_name": st.sampled_from(["acme", "acme", "acme", "globex"]),
        }
    ),
    max_size=MAX_OPENINGS + 4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(links=st.lists(LINKS, min_size=1, max_size=6), logged=LOGGED)
def test_a_link_is_worth_in_sql_what_its_entry_says(
    ledger: Ledger, links: list[dict[str, Any]], logged: list[dict[str, Any]]
) -> None:
    with ledger.database.engine.begin() as connection:
        for table in (schema.tickets, schema.setup_events):
            connection.execute(delete(table))
    entries = [
        replace(prospect("acme"), key=str(number), prospect_email=str(number), **changes)
        for number, changes in enumerate(links)
    ]
    add(ledger, *entries)
    events = [SetupEvent(log_id=str(number), message="", **one) for number, one in enumerate(logged)]
    know(ledger, events)
    expected = {}
    for one in entries:
        followed = SetupLog(ledger.database, one.tenant).followed(["acme"])["acme"]
        expected[one.prospect_email] = followed.link_state(one, NOW)
    assert {one.prospect_email: one.link for one in list_setups(ledger, "", limit=100)} == expected
    used_up = {key for key, state in expected.items() if state == LinkState.USED_UP}
    assert {one.entry.prospect_email for one in search(ledger, "", part=Part.NEEDS_ATTENTION, limit=100)} == used_up


@pytest.mark.parametrize(
    ("after", "is_used_up"),
    [
        ([100.0], True),
        ([SCANNER_SECONDS], False),
        ([DAY - OPEN_SECONDS], True),
        ([DAY - OPEN_SECONDS + 1], False),
        ([1.0] * MAX_OPENINGS, True),
        ([1.0] * (MAX_OPENINGS - 1), False),
        ([0.0] * MAX_OPENINGS, True),
        ([-1.0] * MAX_OPENINGS, False),
    ],
    ids=str,
)
def test_a_link_that_was_opened_too_often_or_too_long_ago_needs_attention_unless_the_connection_exists(
    ledger: Ledger, after: list[float], is_used_up: bool
) -> None:
    add(ledger, prospect("acme"), prospect("globex"))
    times = [NOW - DAY + seconds for seconds in after]
    events = [*opened("acme", *times), *opened("globex", *times)]
    know(ledger, events, acme=Setup(SetupState.OPENED), globex=Setup(SetupState.CONNECTED))
    assert reasons(ledger) == ({"acme": [Attention.USED_UP]} if is_used_up else {})


@pytest.mark.parametrize(
    ("made_after", "mailed_after", "status", "is_scanner"),
    [
        (0.0, None, DeliveryStatus.SENT, False),
        (-60.0, None, DeliveryStatus.SENT, True),
        (0.0, (-60.0, None), DeliveryStatus.POSSIBLY_SENT, True),
        (0.0, (-61.0, None), DeliveryStatus.POSSIBLY_SENT, False),
        (0.0, (-1.0, 1.0), DeliveryStatus.SENT, True),
        (0.0, (-90.0, -60.0), DeliveryStatus.SENT, True),
        (0.0, (-75.0, 15.0), DeliveryStatus.SENT, True),
        (0.0, (1.0, 2.0), DeliveryStatus.SENT, False),
        (0.0, (-90.0, -61.0), DeliveryStatus.SENT, False),
        (0.0, (-1.0, None), DeliveryStatus.FAILED, False),
    ],
)
def test_an_opening_after_a_link_of_the_connection_was_made_or_mailed_is_a_scanners(
    ledger: Ledger,
    made_after: float,
    mailed_after: tuple[float, float | None] | None,
    status: DeliveryStatus,
    is_scanner: bool,
) -> None:
    opened_at = NOW - OPEN_SECONDS
    other = prospect("acme", key="other", created_at=opened_at + made_after if made_after else NOW - DAY)
    add(ledger, prospect("acme"), other, prospect("globex", key="third", created_at=opened_at))
    if mailed_after is not None:
        begun_at, sent_at = (after if after is None else opened_at + after for after in mailed_after)
        mail(ledger, key="other", created_at=other.created_at, begun_at=begun_at, sent_at=sent_at, status=status)
    know(ledger, opened("acme", opened_at), acme=Setup(SetupState.OPENED))
    expected = LinkState.VALID if is_scanner else LinkState.USED_UP
    followed = SetupLog(ledger.database, TENANT).followed(["acme"])["acme"]
    assert followed.link_state(prospect("acme"), NOW) == expected
    assert followed.was_opened(prospect("acme")) != is_scanner
    by_key = {one.created_at: one.link for one in list_setups(ledger, "acme", limit=9)}
    assert by_key[NOW - DAY] == expected


@pytest.mark.parametrize(
    "changes",
    [{"flow_type": "update"}, {"succeeded": False}, {"name": "ss_sso_flow_end"}, {"connection_name": "globex"}],
    ids=str,
)
def test_only_openings_of_such_a_link_for_its_connection_use_it_up(ledger: Ledger, changes: dict[str, Any]) -> None:
    add(ledger, prospect("acme"))
    events = [replace(one, **changes) for one in opened("acme", NOW - DAY + 100.0)]
    know(ledger, events, acme=Setup(SetupState.OPENED))
    know(ledger, opened("acme", NOW - DAY + 100.0, tenant=OTHER_TENANT), tenant=OTHER_TENANT)
    assert reasons(ledger) == {}
    assert [one.link for one in list_setups(ledger, "", limit=1)] == [LinkState.VALID]


@pytest.mark.parametrize(
    ("setup", "changes", "expected"),
    [
        (Setup(SetupState.WAITING_FOR_DOMAIN, waiting_since=NOW - 3 * DAY), {}, [Attention.DOMAIN]),
        (Setup(SetupState.WAITING_FOR_DOMAIN, waiting_since=NOW - 3 * DAY + 1), {}, []),
        (Setup(SetupState.WAITING_FOR_DOMAIN), {}, []),
        (Setup(SetupState.ENABLED, waiting_since=NOW - 9 * DAY), {}, []),
        (Setup(SetupState.OPENED, last_failure="bad metadata"), {}, [Attention.FAILED]),
        (Setup(SetupState.CONNECTED, last_failure="bad metadata"), {}, [Attention.FAILED]),
        (Setup(SetupState.ENABLED, last_failure="bad metadata"), {}, []),
        (Setup(SetupState.NOT_OPENED), {"expires_at": NOW + DAY}, [Attention.EXPIRES]),
        (Setup(SetupState.NOT_OPENED), {"expires_at": NOW + DAY + 1}, []),
        (Setup(SetupState.NOT_OPENED), {"expires_at": NOW}, []),
        (Setup(SetupState.OPENED), {"expires_at": NOW + 1}, []),
        (Setup(SetupState.UNKNOWN), {"expires_at": NOW + 1}, []),
        (Setup(SetupState.NOT_OPENED), {"expires_at": NOW + 1, "status": EntryStatus.REVOKED}, []),
    ],
)
def test_what_a_person_should_look_at(
    ledger: Ledger, setup: Setup, changes: dict[str, Any], expected: list[Attention]
) -> None:
    add(ledger, prospect("acme", **changes))
    know(ledger, acme=setup)
    assert reasons(ledger).get("acme", []) == expected
    assert found(ledger, Part.NEEDS_ATTENTION) == ({"acme"} if expected else set())


def test_who_nobody_has_followed_needs_no_attention(ledger: Ledger) -> None:
    add(ledger, prospect("acme", expires_at=NOW + 1))
    assert reasons(ledger) == {}
    assert found(ledger, Part.LINKS) == {"acme"}
    assert found(ledger, Part.NOT_OPENED) == set()


STATES = {
    "unknown": Setup(SetupState.UNKNOWN),
    "scanned": Setup(SetupState.NOT_OPENED, opened=1),
    "opened": Setup(SetupState.OPENED, opened=1, first_opened_at=NOW - 50),
    "connected": Setup(SetupState.CONNECTED),
    "waiting": Setup(SetupState.WAITING_FOR_DOMAIN, waiting_since=NOW - 1),
    "enabled": Setup(SetupState.ENABLED, first_opened_at=NOW - 50, connected_at=NOW - 40, enabled_at=NOW - 30),
}


@pytest.fixture
def customers(ledger: Ledger) -> Ledger:
    """
    Return a ledger with a prospect for each state, one of another tenant, and one who never had a link.

    Two of them were mailed, and one was refused.
    """
    add(ledger, *(prospect(name) for name in STATES), prospect("other", tenant=OTHER_TENANT))
    add(ledger, replace(prospect("never", status=EntryStatus.CONFLICT, ticket=None), created_at=None))
    know(ledger, **STATES, never=Setup(SetupState.ENABLED), other=Setup(SetupState.OPENED, first_opened_at=1.0))
    mailed = {"unknown": DeliveryStatus.SENT, "enabled": DeliveryStatus.POSSIBLY_SENT, "opened": DeliveryStatus.REFUSED}
    for name, status in mailed.items():
        mail(ledger, key=prospect(name).key, status=status)
    return ledger


def mail(ledger: Ledger, **changes: Any) -> None:
    """Let the link of ``prospect()`` have been mailed."""
    values: dict[str, Any] = {"kind": MailKind.INVITATION, "number": 1, "message_id": "<1@x.example>", "run": "r"}
    values |= {"created_at": NOW - DAY, "begun_at": NOW, "installation": ""}
    DeliveryLog(ledger.database, TENANT).begin(Delivery(**{**values, **changes}))


def test_each_part_has_those_who_have_come_so_far(customers: Ledger) -> None:
    assert {part: found(customers, part) for part in Part} == {
        Part.ALL: {*STATES, "other", "never"},
        Part.LINKS: {*STATES, "other"},
        Part.MAILED: {"unknown", "enabled"},
        Part.OPENED: {"opened", "connected", "waiting", "enabled"},
        Part.CONNECTED: {"connected", "waiting", "enabled"},
        Part.WAITING_FOR_DOMAIN: {"waiting"},
        Part.ENABLED: {"enabled"},
        Part.NOT_OPENED: {"scanned"},
        Part.NEEDS_ATTENTION: set(),
    }


@pytest.mark.parametrize("text", ["", "opened", "e", "nobody"])
def test_the_numbers_are_those_of_the_lists(customers: Ledger, text: str) -> None:
    assert count_parts(customers, text) == {part: len(found(customers, part, text)) for part in Part}


def test_the_numbers_are_those_of_the_reports_funnel(customers: Ledger) -> None:
    funnel, counts = Funnel.of(list_setups(customers, "", limit=100)), count_parts(customers)
    assert counts[Part.LINKS] == funnel.links == len(STATES) + 1
    assert counts[Part.OPENED] == funnel.opened
    assert counts[Part.CONNECTED] == funnel.connected
    assert counts[Part.WAITING_FOR_DOMAIN] == funnel.waiting
    assert counts[Part.ENABLED] == funnel.enabled


def test_a_list_has_what_the_ledger_knows_of_each_setup_and_no_link(customers: Ledger) -> None:
    listed = {one.connection_name: one for one in list_setups(customers, "", limit=100)}
    log = SetupLog(customers.database, TENANT)
    for name, followed in log.followed(list(STATES)).items():
        assert listed[name] == followed.of_prospect(prospect(name), NOW)
    assert listed["other"].setup == Setup(SetupState.UNKNOWN), "the other tenant's connection is another one"
    assert "t1" not in repr(listed)


def test_a_part_is_listed_in_pages_that_the_numbers_are_right_for(ledger: Ledger) -> None:
    add(ledger, *(prospect(f"acme-{number:02}", requested_at=NOW - number) for number in range(10)))
    know(ledger, **{f"acme_{number:02}": Setup(SetupState.OPENED, first_opened_at=1.0) for number in range(7)})
    pages = [search(ledger, "acme", part=Part.OPENED, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[one.entry.key[-1] for one in page] for page in pages] == [["0", "1", "2"], ["3", "4", "5"], ["6"], []]
    assert count_parts(ledger, "acme")[Part.OPENED] == 7
    assert [one.connection_name[-1] for one in list_setups(ledger, "", part=Part.OPENED, limit=2)] == ["0", "1"]


def test_it_is_known_when_customers_were_followed_last(ledger: Ledger) -> None:
    assert last_followed(ledger) is None
    log = SetupLog(ledger.database, TENANT)
    log.add_events([], ReadTime(1.0, 5.0))
    assert last_followed(ledger) == 5.0
    log.keep({"acme": Setup(SetupState.UNKNOWN)}, 7.0)
    assert last_followed(ledger) == 7.0


def test_an_empty_ledger_has_nobody_in_any_part(ledger: Ledger) -> None:
    assert count_parts(ledger) == dict.fromkeys(Part, 0)
    assert found(ledger, Part.ALL) == set()


def test_each_link_that_was_made_is_known_also_one_that_is_gone(ledger: Ledger) -> None:
    made = []
    seen = None
    for number in (1.0, 2.0):
        seen = ledger.begin(SPEC, seen, FIRST_RUN, answer_within=30)
        seen = ledger.record_created(seen, LINK, sent_at=NOW + number, ttl=-10.0)
        made.append(NOW + number)
    assert times_made(ledger, SPEC.key) == made
    assert times_made(ledger, "other") == []
