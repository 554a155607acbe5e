"""A run that follows the setups finds out what the customers have done, and keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from auth0_sso.ledger.setup_log import ReadTime
from auth0_sso.setups.follow import NoReadingScopeError

from tests.support.setups import HOUR, REQUIRED, World, prospects

MakeWorld = Callable[..., World]
ALL = ("read:logs", "read:connections", "read:organization_connections", "read:organization_discovery_domains")
BASE = ("create:sso_access_tickets", "delete:sso_access_tickets")


def act(world: World, later: float = HOUR) -> None:
    """Let five customers act, each in another way; the sixth does nothing."""
    world.create(prospects(*NAMES, **REQUIRED))
    world.clock.now += later
    world.customer("looks").opens_it()
    world.customer("gives-up")._take("set_up", "verify", "leave")
    world.customer("waits").waits_for_a_domain()
    world.customer("done").finishes()
    world.customer("tenfold").opens_it_too_often()


NAMES = ("idle", "looks", "gives-up", "waits", "done", "tenfold")
FULL = ["not_opened", "opened", "connected", "waiting_for_domain", "enabled", "opened"]


@pytest.mark.answers("a scope of the four to read is missing")
@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        pytest.param(ALL, FULL, id="all scopes"),
        pytest.param(ALL[:1], FULL, id="logs alone"),
        pytest.param(ALL[1:2], ["unknown", "unknown", *3 * ["connected"], "unknown"], id="connections alone"),
        pytest.param(ALL[1:], ["unknown", "unknown", *FULL[2:5], "unknown"], id="all but the logs"),
        pytest.param(ALL[2:], 6 * ["unknown"], id="what needs a connection's id"),
    ],
)
def test_each_state_is_what_the_customer_has_done(
    make_world: MakeWorld, scopes: tuple[str, ...], expected: list[str]
) -> None:
    world = make_world(scopes=(*BASE, *scopes))
    act(world)
    world.clock.now += HOUR
    world.follow()
    assert world.states() == dict(zip(NAMES, expected, strict=True))
    assert sorted(note.split()[3] for note in world.notes) == sorted(set(ALL) - set(scopes))
    world.clock.now += HOUR
    world.follow()
    assert world.states() == dict(zip(NAMES, expected, strict=True)), "nothing has changed"


def test_without_any_scope_nothing_is_read(make_world: MakeWorld) -> None:
    world = make_world(scopes=BASE)
    world.create(prospects("idle"))
    with pytest.raises(NoReadingScopeError, match="read:logs, read:connections"):
        world.follow()
    assert (world.states(), world.log.read()) == ({}, None)


def test_a_link_is_used_up_after_ten_openings_or_five_hours_after_the_first_one(make_world: MakeWorld) -> None:
    world = make_world()
    act(world)
    world.clock.now += 1
    world.follow()
    assert [world.link(name) for name in ("idle", "looks", "tenfold")] == ["valid", "valid", "used_up"]
    world.clock.now += 5 * HOUR
    assert [world.link(name) for name in ("idle", "looks", "tenfold")] == ["valid", "used_up", "used_up"]


def test_a_scanner_opens_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    world.create(prospects("acme"))
    world.clock.now += 30
    world.customer("acme").is_scanned()
    world.clock.now += 6 * HOUR
    world.follow()
    setup = world.log.setups(["acme"])["acme"].setup
    assert (setup.state, setup.opened, setup.first_opened_at) == ("not_opened", 1, None)
    assert world.link("acme") == "valid"


class TestTheTimeOfTheLogs:
    def test_a_log_that_arrives_ten_minutes_late_is_not_lost_and_counts_once(self, make_world: MakeWorld) -> None:
        world = make_world(log_delay=(600, 600))
        world.create(prospects("acme"))
        world.clock.now += HOUR
        world.follow()
        first = world.log.read()
        world.customer("acme").opens_it()
        world.clock.now += 599
        world.follow()
        assert world.states() == {"acme": "not_opened"}
        for _ in range(2):
            world.clock.now += 100
            world.follow()
            assert world.log.setups(["acme"])["acme"].setup.opened == 1
        assert first is not None
        assert world.log.read() == ReadTime(first.read_from, world.clock.now)

    @pytest.mark.answers("the logs are read again only when the tenant has deleted some")
    def test_a_longer_gap_than_the_tenant_keeps_its_logs_is_said(self, make_world: MakeWorld) -> None:
        world = make_world(extra={"log_retention_days": 2})
        world.create(prospects("acme"))
        world.follow()
        world.clock.now += 72 * HOUR
        world.follow()
        assert world.notes == [
            "What was logged from 2027-01-15T08:00:00Z to 2027-01-16T08:00:00Z was never read, and is older than the "
            "connection's log_retention_days, so it is taken for gone."
        ]
        assert world.states() == {"acme": "unknown"}, "it may have been opened in the gap"
        world.follow()
        assert world.notes == []


class TestConnections:
    def test_one_that_is_gone_later_is_not_opened_and_says_so(self, make_world: MakeWorld) -> None:
        world = make_world()
        act(world)
        world.follow()
        connections = world.tenant._tenant.connections
        world.tenant._call(lambda: connections.clear())
        world.clock.now += HOUR
        world.follow()
        assert world.states()["done"] == "not_opened"
        assert world.log.setups(["done"])["done"].setup.note == "The connection that was seen before is gone."

    def test_many_are_found_in_the_list_and_few_by_name(self, make_world: MakeWorld) -> None:
        world = make_world()
        world.create(prospects(*(f"c{number}" for number in range(50))))
        assert world.follow() == 51, "a page of logs, and a request for each name"
        world.create(prospects(*(f"c{number}" for number in range(51))))
        world.clock.now += HOUR
        assert world.follow() == 2, "a page of logs, and one of connections"
