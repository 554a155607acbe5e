"""Where an answer was lost, the tenant's logs tell later whether there is a second link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import GENERATED_EVENT, SetupEvent, SsoTicket, TicketRequest
from auth0_sso.setups.duplicates import settle_duplicates
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, SPEC
from tests.support.setups import HOUR, Clock, World, prospects

MakeWorld = Callable[..., World]
Act = Callable[[World], object]
MINUTE = 60.0
LATE = 15 * MINUTE
DAY = 24 * HOUR
NO_FLAG, FLAG, CONFIRMED = (False, False), (True, False), (True, True)

AFTER, BEFORE = "drop_after", "drop_before"
"""Faults: the ticket was made and its answer is lost, and the request never arrived."""

EXISTING = {"con_0000000000000001": "finished"}
"""A connection that tickets can edit."""


def flags(world: World, connection_name: str = "acme") -> tuple[bool, bool]:
    """Return whether a prospect is flagged, and whether its second link is confirmed."""
    entry = world.entry(connection_name)
    return entry.may_be_duplicate(world.clock.now), entry.duplicate_confirmed


def follow_later(world: World, seconds: float = HOUR) -> None:
    world.clock.now += seconds
    world.follow()


def pause(seconds: float) -> Act:
    def act(world: World) -> None:
        world.clock.now += seconds

    return act


def create(*requests: TicketRequest, **options: Any) -> Act:
    return lambda world: world.create(requests, **options)


def lose(kind: str, times: int, *requests: TicketRequest, **options: Any) -> Act:
    """Request links, of which so many answers are lost before one comes."""

    def act(world: World) -> None:
        world.tenant.fault(kind, count=times)
        world.create(requests, **options)

    return act


def revoke(world: World) -> None:
    revoking = world.ledger.record_revoking(world.entry("acme"), "revoke_sso_tickets/run-1")
    world.ledger.record_revoked(revoking)


ACME, GLOBEX = prospects("acme", "globex")
COLLEAGUE = factories.request(7, "org_7", name="acme")
RENAMED = replace(ACME, connection_name="initech", body={**ACME.body, "connection_config": {"name": "initech"}})
EDIT = factories.request(
    1,
    "org_1",
    name="finished",
    body={
        "connection_id": "con_0000000000000001",
        "enabled_features": {"sso": True},
        "enabled_organizations": [{"organization_id": "org_1"}],
    },
)
REISSUE = create(ACME, attempt=SECOND_RUN, reissue=True)


@pytest.mark.answers("an answer was lost, and the logs are read")
@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        pytest.param([create(ACME)], NO_FLAG, id="no answer was lost"),
        pytest.param([lose(BEFORE, 1, ACME)], NO_FLAG, id="it never arrived, and the next one has a ticket"),
        pytest.param([lose(AFTER, 1, ACME)], CONFIRMED, id="it made a ticket, and so did the next one"),
        pytest.param([lose("error_after", 2, ACME)], CONFIRMED, id="two lost answers, both with a ticket"),
        pytest.param([lose("error_before", 2, ACME)], NO_FLAG, id="two lost answers, none with a ticket"),
        pytest.param([lose(BEFORE, 3, ACME), lose(AFTER, 1, ACME)], CONFIRMED, id="one of four has a ticket"),
        pytest.param([create(GLOBEX), lose(BEFORE, 3, ACME)], NO_FLAG, id="there is no ticket at all"),
        pytest.param([lose(AFTER, 3, ACME)], CONFIRMED, id="there are tickets, and nobody holds any"),
        pytest.param([lose(BEFORE, 1, ACME), pause(MINUTE), REISSUE], NO_FLAG, id="revoked and replaced"),
        pytest.param([lose(AFTER, 1, ACME), pause(MINUTE), REISSUE], CONFIRMED, id="replaced, and the lost one is"),
        pytest.param([lose(BEFORE, 1, ACME), revoke], NO_FLAG, id="revoked"),
        pytest.param([lose(AFTER, 1, ACME), revoke], CONFIRMED, id="revoked, and the lost one is there"),
        pytest.param(
            [create(ACME), pause(HOUR), revoke, lose(BEFORE, 1, ACME, attempt=SECOND_RUN)],
            NO_FLAG,
            id="an older ticket is none of them",
        ),
        pytest.param(
            [create(ACME), pause(30), revoke, lose(AFTER, 1, ACME, attempt=SECOND_RUN)],
            CONFIRMED,
            id="a ticket of just before is none of them",
        ),
        pytest.param([create(COLLEAGUE), lose(BEFORE, 1, ACME)], NO_FLAG, id="a colleague has a link for it too"),
        pytest.param([create(COLLEAGUE), lose(AFTER, 1, ACME)], CONFIRMED, id="so has the lost one"),
        pytest.param([lose(AFTER, 1, ACME), create(RENAMED, attempt=SECOND_RUN)], FLAG, id="another one comes next"),
        pytest.param(
            [lose(AFTER, 1, ACME), lose(BEFORE, 1, RENAMED, attempt=SECOND_RUN)],
            FLAG,
            id="lost also for another connection",
        ),
    ],
)
def test_the_logs_tell_whether_there_is_a_ticket_that_nobody_holds(
    make_world: MakeWorld, acts: Sequence[Act], expected: tuple[bool, bool]
) -> None:
    world = make_world()
    for act in acts:
        act(world)
    name = world.entry_of(ACME.organization_id).connection_name
    follow_later(world)
    assert flags(world, name) == expected
    follow_later(world)
    assert flags(world, name) == expected, "nothing has changed"


@pytest.mark.answers("an answer was lost, and the logs are read")
def test_a_settled_prospects_row_is_not_flagged_in_the_next_run_and_a_confirmed_ones_is(make_world: MakeWorld) -> None:
    world = make_world()
    lose(BEFORE, 1, ACME)(world)
    lose(AFTER, 1, GLOBEX)(world)
    flagged = [row["duplicate_possible"] for row in world.create([ACME, GLOBEX], SECOND_RUN).values()]
    follow_later(world)
    settled = [row["duplicate_possible"] for row in world.create([ACME, GLOBEX], SECOND_RUN).values()]
    assert (flagged, settled) == ([True, True], [False, True])


def test_a_prospect_without_a_ticket_gets_one_without_a_flag_when_the_lost_request_is_known_not_to_have_arrived(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    create(GLOBEX)(world)
    lose(BEFORE, 3, ACME)(world)
    assert (world.entry("acme").status, flags(world)) == ("unknown", FLAG)
    follow_later(world)
    assert (world.entry("acme").status, flags(world)) == ("unknown", NO_FLAG)
    row = world.create([ACME], SECOND_RUN)[1]
    assert (row["status"], row["duplicate_possible"]) == ("created", False)


def test_a_second_lost_ticket_after_the_flag_was_removed_is_found(make_world: MakeWorld) -> None:
    world = make_world()
    lose(BEFORE, 1, ACME)(world)
    follow_later(world)
    assert flags(world) == NO_FLAG
    revoke(world)
    lose(AFTER, 1, ACME, attempt=SECOND_RUN)(world)
    follow_later(world)
    assert flags(world) == CONFIRMED


class TestTheTime:
    def test_nothing_is_settled_before_all_logs_must_have_arrived(self, make_world: MakeWorld) -> None:
        world = make_world(log_delay=(LATE - 1, LATE - 1))
        create(GLOBEX)(world)
        lose(BEFORE, 1, ACME)(world)
        follow_later(world, LATE - 1)
        assert flags(world) == FLAG
        follow_later(world, 1)
        assert flags(world) == NO_FLAG

    def test_nor_before_those_of_a_colleagues_ticket_have(self, make_world: MakeWorld) -> None:
        world = make_world(log_delay=(LATE - 1, LATE - 1))
        lose(AFTER, 1, ACME)(world)
        world.clock.now += LATE
        create(COLLEAGUE)(world)
        world.follow()
        # Two tickets are logged and two are known: not the same two.
        assert flags(world) == FLAG
        follow_later(world, LATE)
        assert flags(world) == CONFIRMED

    def test_a_colleagues_request_that_is_under_way_is_no_second_ticket(self, make_world: MakeWorld) -> None:
        world = make_world()
        lose(BEFORE, 1, ACME)(world)
        world.clock.now += LATE
        lose(AFTER, 3, COLLEAGUE)(world)
        follow_later(world, 1)
        assert flags(world) == FLAG

    @pytest.mark.parametrize(("later", "expected"), [(DAY - MINUTE, NO_FLAG), (DAY - MINUTE + 1, FLAG)])
    def test_the_logs_must_be_read_from_a_minute_before_the_request(
        self, make_world: MakeWorld, later: float, expected: tuple[bool, bool]
    ) -> None:
        world = make_world(extra={"log_retention_days": 1})
        lose(BEFORE, 1, ACME)(world)
        follow_later(world, later)
        assert flags(world) == expected

    def test_and_from_a_minute_before_a_ticket_of_just_before(self, make_world: MakeWorld) -> None:
        world = make_world(extra={"log_retention_days": 1})
        create(COLLEAGUE)(world)
        world.clock.now += 30
        lose(BEFORE, 1, ACME)(world)
        follow_later(world, DAY - MINUTE)
        assert flags(world) == FLAG

    def test_a_gap_in_the_logs_settles_nothing(self, make_world: MakeWorld) -> None:
        world = make_world(extra={"log_retention_days": 1})
        world.follow()
        world.clock.now += HOUR
        lose(BEFORE, 1, ACME)(world)
        follow_later(world, 2 * DAY)
        assert world.notes
        assert flags(world) == FLAG


def test_a_tenant_that_logs_no_tickets_settles_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    lose(BEFORE, 3, ACME)(world)
    lose(AFTER, 1, GLOBEX)(world)
    world.tenant._call(lambda: world.tenant._tenant.logs._entries.clear())
    follow_later(world)
    assert (flags(world, "acme"), flags(world, "globex")) == (FLAG, FLAG)


def test_without_the_scope_of_the_logs_nothing_is_settled(make_world: MakeWorld) -> None:
    world = make_world(scopes=("create:sso_access_tickets", "read:connections"))
    lose(BEFORE, 1, ACME)(world)
    world.log.add_events([], ReadTime(0, world.clock.now + DAY))
    follow_later(world)
    assert flags(world) == FLAG


class TestFlowTypes:
    @pytest.mark.parametrize(("kind", "expected"), [(BEFORE, NO_FLAG), (AFTER, CONFIRMED)])
    def test_a_link_that_edits_a_connection_is_compared_with_its_like(
        self, make_world: MakeWorld, kind: str, expected: tuple[bool, bool]
    ) -> None:
        world = make_world(connections=EXISTING)
        lose(kind, 1, EDIT)(world)
        created = SetupEvent("1", world.clock.now, GENERATED_EVENT, True, "finished", "create", "")
        world.log.add_events([created], ReadTime(0, 0))
        follow_later(world)
        assert flags(world, "finished") == expected

    def test_logs_of_links_that_create_do_not_show_that_the_tenant_logs_those_that_edit(
        self, make_world: MakeWorld
    ) -> None:
        world = make_world(connections=EXISTING)
        create(GLOBEX)(world)
        lose(BEFORE, 3, EDIT)(world)
        follow_later(world)
        assert flags(world, "finished") == FLAG

    def test_where_only_its_id_is_known_nothing_is_settled(self, make_world: MakeWorld) -> None:
        world = make_world(connections=EXISTING)
        lose(BEFORE, 1, replace(EDIT, connection_name=""))(world)
        follow_later(world)
        assert flags(world, "con_0000000000000001") == FLAG

    def test_a_lost_link_that_creates_stays_possible_after_one_that_edits(self, make_world: MakeWorld) -> None:
        world = make_world()
        lose(AFTER, 3, ACME)(world)
        world.customer("acme").finishes()
        ((connection_id, _),) = world.tenant.connections.items()
        lose(BEFORE, 1, replace(EDIT, connection_name="acme", body={**EDIT.body, "connection_id": connection_id}))(
            world
        )
        assert world.entry("acme").flow_type == "update"
        follow_later(world)
        assert flags(world) == FLAG


class TestWhatIsLeftAlone:
    def settle(self, world: World) -> None:
        settle_duplicates(world.ledger, world.log, world.tenant.domain)

    @pytest.fixture
    def world(self, make_world: MakeWorld) -> World:
        """Return a world with an entry that can be settled, after its logs were read."""
        world = make_world()
        create(GLOBEX)(world)
        world.follow()
        lose(BEFORE, 1, ACME)(world)
        world.clock.now += LATE
        world.log.add_events(
            [SetupEvent("acme", world.entry("acme").requested_at, GENERATED_EVENT, True, "acme", "create", "")],
            ReadTime(world.clock.now - DAY, world.clock.now),
        )
        return world

    def test_nothing_else_would_be(self, world: World) -> None:
        self.settle(world)
        assert flags(world) == NO_FLAG

    def test_an_entry_that_a_task_writes_meanwhile(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = world.ledger.unseen_entries()
        world.ledger.record_revoking(world.entry("acme"), "revoke_sso_tickets/run-1")
        monkeypatch.setattr(world.ledger, "unseen_entries", lambda: seen)
        self.settle(world)
        entry = world.entry("acme")
        assert (entry.status, flags(world)) == ("revoking", FLAG)

    @pytest.mark.parametrize(("left", "expected"), [(1, FLAG), (0, NO_FLAG)])
    def test_a_request_whose_answer_may_still_come(
        self, world: World, left: float, expected: tuple[bool, bool]
    ) -> None:
        revoke(world)
        spec = replace(SPEC, request=COLLEAGUE, tenant=world.tenant.domain)
        intent = world.ledger.begin(spec, None, FIRST_RUN, answer_within=2 * LATE)
        world.log.add_events([], ReadTime(0, world.clock.now + LATE))
        world.clock.now = intent.answer_by - left
        self.settle(world)
        (entry,) = (one for one in world.ledger.entries_of_tenant(spec.tenant) if one.key == intent.key)
        assert (entry.may_be_duplicate(world.clock.now), False) == expected

    def test_an_entry_of_another_tenant(self, world: World) -> None:
        settle_duplicates(world.ledger, world.log, "other.example.com")
        assert flags(world) == FLAG

    def test_a_lost_ticket_that_has_expired(self, make_world: MakeWorld) -> None:
        world = make_world()
        short = replace(ACME, body={**ACME.body, "ttl_sec": 60})
        lose(AFTER, 1, short)(world)
        before = world.entry("acme")
        follow_later(world)
        assert (world.entry("acme"), flags(world)) == (before, NO_FLAG)

    def test_a_link_that_had_only_just_expired(self, make_world: MakeWorld) -> None:
        world = make_world(scopes=("create:sso_access_tickets", "read:logs"))
        short = replace(ACME, body={**ACME.body, "ttl_sec": 60})
        create(short)(world)
        world.clock.now += MINUTE
        lose(BEFORE, 1, ACME, attempt=SECOND_RUN)(world)
        follow_later(world)
        entry = world.entry("acme")
        assert (entry.duplicate_until, entry.duplicate_since) == (0, None), "the lost answer is settled"
        assert flags(world) == FLAG, "the link that has expired may have been opened before"
        assert world.ledger.unseen_entries() == [entry]


STEPS = [0.0, 1.0, 36.0, 59.0, 60.0, 61.0, 100.0, 119.0, 121.0, 400.0, 899.0, 901.0]


@dataclass(frozen=True)
class Request:
    """
    A request for a link, and what becomes of it.

    :param made: whether it makes a ticket; ``answered``: whether its answer comes.
    :param delay: seconds after which its log arrives.
    """

    pause: float
    prospect: int
    connection_name: str
    answered: bool
    made: bool
    killed: bool
    delay: float
    settles: bool


REQUESTS = st.builds(
    Request,
    pause=st.sampled_from(STEPS),
    prospect=st.integers(0, 1),
    connection_name=st.sampled_from(["acme", "acme", "acme", "globex"]),
    answered=st.booleans(),
    made=st.booleans(),
    killed=st.booleans(),
    delay=st.sampled_from([0.0, 300.0, LATE - 60]),
    settles=st.booleans(),
)


@dataclass
class Model:
    """A ledger beside a tenant that is known exactly: what it has made, logged and shown."""

    ledger: Ledger
    log: SetupLog
    tenant: str
    clock: Clock
    skew: float
    entries: dict[int, Entry] = field(default_factory=dict)
    lost: list[tuple[int, str, bool]] = field(default_factory=list)
    written: list[tuple[float, SetupEvent]] = field(default_factory=list)

    def write(self, connection_name: str, delay: float) -> None:
        number = str(len(self.written))
        event = SetupEvent(number, self.clock.now + self.skew, GENERATED_EVENT, True, connection_name, "create", "")
        self.written.append((self.clock.now + delay, event))

    def request(self, one: Request) -> None:
        self.clock.now += one.pause
        seen = self._seen(one.prospect)
        request = factories.request(one.prospect, "org_1", name=one.connection_name)
        spec = replace(SPEC, request=request, tenant=self.tenant)
        entry = self.ledger.begin(spec, seen, FIRST_RUN, answer_within=35)
        if one.answered or one.made:
            self.write(one.connection_name, one.delay)
        if one.answered:
            ticket = SsoTicket(f"https://acme.example.com/self-service/connections-flow?ticket=t{len(self.written)}")
            self.ledger.record_created(entry, ticket, sent_at=self.clock.now, ttl=60)
        else:
            self.lost.append((one.prospect, one.connection_name, one.made))
            if not one.killed:
                self.ledger.record_unknown(entry, "No answer")
        if one.settles:
            self.settle()

    def settle(self) -> None:
        arrived = [event for at, event in self.written if at <= self.clock.now and event.at < self.clock.now]
        self.log.add_events(arrived, ReadTime(0, self.clock.now))
        settle_duplicates(self.ledger, self.log, self.tenant)
        for entry in self.ledger.entries_of_tenant(self.tenant):
            prospect = int(entry.prospect.removeprefix("prospect-").removesuffix("@example.com"))
            has_lost_one = any(made for whose, _, made in self.lost if whose == prospect)
            is_there = any(made for _, name, made in self.lost if name == entry.connection_name)
            assert entry.may_be_duplicate(self.clock.now) or not has_lost_one, "a lost ticket is always flagged"
            assert is_there or not entry.duplicate_confirmed, "what is confirmed is there"

    def assert_settled(self) -> None:
        """Check that only those are flagged still for whom there is a reason."""
        self.clock.now += 6 * HOUR
        self.settle()
        for entry in self.ledger.unseen_entries():
            is_there = any(made for _, name, made in self.lost if name == entry.connection_name)
            was_for_another_connection = entry.late_until > self.clock.now
            assert entry.tenant != self.tenant or is_there or was_for_another_connection

    def _seen(self, prospect: int) -> Entry | None:
        name = f"prospect-{prospect}@example.com"
        entries = self.ledger.entries_of_tenant(self.tenant)
        return next((entry for entry in entries if entry.prospect == name), None)


_TENANTS = count()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(REQUESTS, min_size=1, max_size=6), skew=st.sampled_from([-55.0, 0.0, 55.0]))
def test_whatever_happens_a_lost_ticket_stays_flagged_and_none_is_confirmed_that_is_not_there(
    sqlite_ledger: Ledger, requests: Sequence[Request], skew: float
) -> None:
    tenant, clock = f"{next(_TENANTS)}.example.com", Clock()
    sqlite_ledger.database.clock.now = clock  # type: ignore[method-assign]
    model = Model(sqlite_ledger, SetupLog(sqlite_ledger.database, tenant), tenant, clock, skew)
    model.write("initech", 0)
    for request in requests:
        model.request(request)
    model.assert_settled()
