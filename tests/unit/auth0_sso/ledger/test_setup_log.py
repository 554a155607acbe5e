"""The ledger knows how far customers have come, and counts nothing twice, also after a kill."""

from __future__ import annotations

from typing import Any

import pytest
from auth0_sso.ledger.setup_log import Followed, KnownSetup, ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import GENERATED_EVENT, Setup, SetupEvent, SetupState
from sqlalchemy import event as hooks
from sqlalchemy.exc import SQLAlchemyError

from tests.support.factories import NOW, entry

TENANT = "acme.example.com"
READ = ReadTime(1_000.0, 2_000.0)
LATER = ReadTime(1_000.0, 3_000.0)


def event(log_id: str, **changes: Any) -> SetupEvent:
    given = {"at": 1_000.0, "name": "ss_sso_ticket_consumption", "succeeded": True, "connection_name": "acme"}
    return SetupEvent(**{**given, "flow_type": "create", "message": "", **changes}, log_id=log_id)


@pytest.fixture
def log(ledger: Ledger) -> SetupLog:
    return SetupLog(ledger.database, TENANT)


def test_an_event_that_is_read_again_counts_once(log: SetupLog) -> None:
    assert log.read() is None
    assert log.add_events([event("1"), event("2"), event("2")], READ) == 2
    assert log.add_events([event("2"), event("3", connection_name="globex", succeeded=False)], LATER) == 1
    assert log.read() == LATER
    found = log.events(["acme", "globex", "unknown"])
    assert {name: sorted(one.log_id for one in events) for name, events in found.items()} == {
        "acme": ["1", "2"],
        "globex": ["3"],
    }
    assert found["globex"] == [event("3", connection_name="globex", succeeded=False)]


@pytest.mark.answers("the run that follows is killed")
def test_after_a_failure_in_between_neither_the_events_nor_the_time_is_kept(log: SetupLog, ledger: Ledger) -> None:
    log.add_events([event("1")], READ)

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO sso_setup_reads"):
            raise SQLAlchemyError("killed")

    hooks.listen(ledger.database.engine, "before_cursor_execute", fail)
    with pytest.raises(SQLAlchemyError, match="killed"):
        log.add_events([event("2")], LATER)
    hooks.remove(ledger.database.engine, "before_cursor_execute", fail)
    assert (log.read(), len(log.events(["acme"])["acme"])) == (READ, 1)


def test_what_was_found_out_last_is_kept(log: SetupLog) -> None:
    opened = Setup(SetupState.OPENED, opened=2, first_opened_at=5.0, last_opened_at=6.0, seen_in=("logs",))
    enabled = Setup(SetupState.ENABLED, enabled_at=9.0, connection_id="con_1", seen_in=("logs", "API"))
    log.keep({"acme": opened, "globex": Setup(SetupState.UNKNOWN)}, now=10.0)
    log.keep({"acme": enabled}, now=20.0)
    assert log.setups(["acme", "globex", "other"]) == {
        "acme": KnownSetup(enabled, 20.0),
        "globex": KnownSetup(Setup(SetupState.UNKNOWN), 10.0),
    }


def test_another_tenant_knows_nothing_of_it(log: SetupLog, ledger: Ledger) -> None:
    log.add_events([event("1")], READ)
    log.keep({"acme": Setup(SetupState.OPENED)}, now=10.0)
    other = SetupLog(ledger.database, "other.example.com")
    assert (other.read(), other.events(["acme"]), other.setups(["acme"])) == (None, {}, {})
    assert other.add_events([event("1")], READ) == 1


def test_thousands_of_connections_are_read_in_parts(log: SetupLog) -> None:
    names = [f"acme-{number}" for number in range(2_500)]
    log.add_events([event(name, connection_name=name) for name in names], READ)
    log.keep({name: Setup(SetupState.OPENED) for name in names}, now=1.0)
    assert (len(log.events(names)), len(log.setups(names))) == (2_500, 2_500)


class TestWhatIsFollowed:
    def test_openings_are_those_of_successes_by_flow_type(self, log: SetupLog, ledger: Ledger) -> None:
        events = [
            event("1", at=1.0),
            event("2", at=2.0),
            event("3", at=3.0, flow_type="update"),
            event("4", succeeded=False),
            event("5", name="ss_sso_flow_end"),
            event("6", connection_name="globex", at=6.0),
        ]
        log.add_events(events, READ)
        SetupLog(ledger.database, "other.example.com").add_events([event("7")], READ)
        opened = Setup(SetupState.OPENED)
        log.keep({"acme": opened}, now=10.0)
        found = log.followed(["acme", "globex", "initech"])
        assert {name: sorted(times) for name, times in found["acme"].openings.items()} == {
            "create": [1.0, 2.0],
            "update": [3.0],
        }
        assert found["acme"].known == KnownSetup(opened, 10.0)
        assert found["globex"] == Followed(None, {"create": [6.0]})
        assert found["initech"] == Followed()

    def test_a_link_is_used_up_by_openings_of_its_own_flow_type(self) -> None:
        link = entry(created_at=NOW - 10 * 3600)
        opened_long_ago = [NOW - 9 * 3600]
        assert Followed(openings={"create": opened_long_ago}).link_state(link, NOW) == "used_up"
        assert Followed(openings={"update": opened_long_ago}).link_state(link, NOW) == "valid"
        edits = entry(created_at=link.created_at, flow_type="update")
        assert Followed(openings={"update": opened_long_ago}).link_state(edits, NOW) == "used_up"

    def test_thousands_are_read_in_parts(self, log: SetupLog) -> None:
        names = [f"acme-{number}" for number in range(1_200)]
        log.add_events([event(name, connection_name=name, at=7.0) for name in names], READ)
        found = log.followed(names)
        assert list(found) == names
        assert {tuple(followed.openings["create"]) for followed in found.values()} == {(7.0,)}


class TestTicketsThatWereMade:
    def test_they_are_counted_for_a_connection_and_flow_type_from_a_time_on(
        self, log: SetupLog, ledger: Ledger
    ) -> None:
        made = {"name": GENERATED_EVENT}
        events = [
            event("1", **made, at=3.0),
            event("2", **made, at=2.0),
            event("3", **made, at=1.9),
            event("4", **made, at=4.0, flow_type="update"),
            event("5", **made, at=4.0, connection_name="globex"),
            event("6", **made, at=4.0, succeeded=False),
            event("7", at=4.0),
        ]
        log.add_events(events, READ)
        SetupLog(ledger.database, "other.example.com").add_events([event("8", **made, at=4.0)], READ)
        assert log.generated("acme", "create", since=2.0) == [2.0, 3.0]
        assert log.generated("acme", "update", since=2.0) == [4.0]
        assert log.generated("initech", "create", since=0.0) == []

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"name": GENERATED_EVENT}, True),
            ({"name": GENERATED_EVENT, "connection_name": "globex"}, True),
            ({"name": GENERATED_EVENT, "flow_type": "update"}, False),
            ({"name": GENERATED_EVENT, "succeeded": False}, False),
            ({}, False),
        ],
        ids=str,
    )
    def test_one_shows_that_the_tenant_logs_its_like(
        self, log: SetupLog, ledger: Ledger, changes: dict[str, Any], expected: bool
    ) -> None:
        SetupLog(ledger.database, "other.example.com").add_events([event("0", name=GENERATED_EVENT)], READ)
        assert not log.has_generated("create")
        log.add_events([event("1", **changes)], READ)
        assert log.has_generated("create") == expected
