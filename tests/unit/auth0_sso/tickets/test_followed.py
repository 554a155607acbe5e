"""What customers have done with their links decides what the next run does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.models import TicketRequest

from tests.support import setups
from tests.support.factories import FIRST_RUN
from tests.support.setups import HOUR, REQUIRED, World, prospects

MakeWorld = Callable[..., World]
make_world = setups.make_world
OPTIONAL = {"domain_aliases_config": {"domain_verification": "optional", "pending_domains": ["acme.example"]}}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


def act(world: World, name: str, act: str, **config: Any) -> list[TicketRequest]:
    """Create a link, let its customer act an hour later, and find out about it; return the row."""
    rows = prospects(name, **config)
    world.create(rows)
    world.clock.now += HOUR
    getattr(world.customer(name), act)()
    world.clock.now += 1
    world.follow()
    return rows


def sent(world: World) -> int:
    """Return how many requests for tickets, and revocations, the tenant has got."""
    return sum("sso-ticket" in seen.path for seen in world.tenant.requests)


class TestFinished:
    @pytest.mark.answers("a customer has finished: the connection is enabled")
    def test_a_prospect_whose_single_sign_on_is_enabled_needs_no_link(self, world: World) -> None:
        rows = act(world, "acme", "finishes")
        before = sent(world)
        (row,) = world.run(rows, 2).values()
        assert (row["status"], row["ticket_url"], row["error"]) == ("finished", "", "")
        assert sent(world) == before

    @pytest.mark.answers("a customer has finished: the connection is enabled")
    def test_also_if_its_link_has_expired_and_it_is_to_be_reissued(self, world: World) -> None:
        rows = act(world, "acme", "finishes")
        world.clock.now += 200 * HOUR
        world.follow()
        assert world.run(rows, 2, reissue=True, edit=True)["acme"]["status"] == "finished"

    @pytest.mark.answers("nobody follows for more than two days")
    def test_if_only_the_logs_tell_that_auth0_is_asked_where_links_are_reissued(self, make_world: MakeWorld) -> None:
        world = make_world(scopes=("create:sso_access_tickets", "delete:sso_access_tickets", "read:logs"))
        rows = act(world, "acme", "finishes")
        world.clock.now += 150 * HOUR
        world.follow()
        assert world.run(rows, 2)["acme"]["status"] == "finished"
        world.tenant._call(world.tenant._tenant.connections.clear)
        assert world.run(rows, 3)["acme"]["status"] == "finished", "the logs don't tell that it is gone"
        assert world.run(rows, 4, reissue=True)["acme"]["status"] == "created"

    def test_what_was_found_out_long_ago_decides_nothing(self, world: World) -> None:
        rows = act(world, "acme", "finishes")
        world.clock.now += 200 * HOUR
        assert world.run(rows, 2)["acme"]["status"] == "conflict", "Auth0 was asked"

    @pytest.mark.answers("a connection is gone from the tenant")
    def test_a_connection_that_is_gone_gets_a_link_again(self, world: World) -> None:
        rows = act(world, "acme", "finishes")
        world.tenant._call(world.tenant._tenant.connections.clear)
        world.clock.now += 6 * HOUR
        world.follow()
        assert world.run(rows, 2)["acme"]["status"] == "created"

    def test_a_dry_run_says_so_too(self, world: World) -> None:
        rows = act(world, "acme", "finishes")
        assert world.run(rows, 2, dry_run=True)["acme"]["status"] == "finished"

    def test_a_row_that_edits_the_connection_gets_its_ticket(self, world: World) -> None:
        (row,) = act(world, "acme", "finishes")
        connection_id = world.log.setups(["acme"])["acme"].setup.connection_id
        edit = replace(row, connection_name="", body={"connection_id": connection_id})
        (outcome,) = world.run([edit], 2).values()
        assert outcome["status"] == "created"


class TestUsedUpLinks:
    @pytest.mark.answers("a link is used up: it was opened ten times, or first opened five hours ago")
    @pytest.mark.parametrize(("acts", "hours"), [("opens_it_too_often", 0), ("opens_it", 5)])
    def test_one_is_replaced_by_the_next_run(self, world: World, acts: str, hours: int) -> None:
        rows = act(world, "acme", acts)
        world.clock.now += hours * HOUR
        first = world.tenant.tickets[0]
        (row,) = world.run(rows, 2).values()
        assert (row["status"], row["duplicate_possible"]) == ("created", False)
        assert row["ticket_id"] == world.tenant.tickets[-1].id != first.id
        assert world.run(rows, 3)["acme"]["status"] == "reused", "the new one is not opened"
        world.follow()
        assert world.run(rows, 4)["acme"]["status"] == "reused", "nor after a look at the logs"

    def test_one_that_was_opened_four_hours_ago_is_reused(self, world: World) -> None:
        rows = act(world, "acme", "opens_it")
        world.clock.now += 4 * HOUR
        assert world.run(rows, 2)["acme"]["status"] == "reused"

    @pytest.mark.answers("a mail scanner opens a link within a minute after it was created")
    def test_one_that_only_a_scanner_has_opened_is_reused(self, world: World) -> None:
        rows = prospects("acme")
        world.create(rows)
        world.customer("acme").is_scanned()
        world.clock.now += 9 * HOUR
        world.follow()
        assert world.run(rows, 2)["acme"]["status"] == "reused"

    def test_without_the_scope_to_read_logs_it_is_reused_as_before(self, make_world: MakeWorld) -> None:
        world = make_world(scopes=("create:sso_access_tickets", "delete:sso_access_tickets", "read:connections"))
        rows = act(world, "acme", "opens_it_too_often")
        world.clock.now += 9 * HOUR
        world.follow()
        assert world.run(rows, 2)["acme"]["status"] == "reused"

    @pytest.mark.answers("a link is used up: it was opened ten times, or first opened five hours ago")
    def test_it_needs_no_scope_to_revoke_and_is_flagged_then(self, make_world: MakeWorld) -> None:
        world = make_world(scopes=("create:sso_access_tickets", "read:logs"))
        rows = act(world, "acme", "opens_it_too_often")
        (row,) = world.run(rows, 2).values()
        assert (row["status"], row["duplicate_possible"]) == ("created", True)


class TestConnectionsThatExist:
    @pytest.mark.answers("a connection exists that is not enabled, and its link is valid")
    def test_a_link_that_works_is_kept(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        assert world.run(rows, 2, edit=True)["acme"]["status"] == "reused"

    @pytest.mark.answers("a connection exists that is not enabled, and its link is valid")
    def test_it_is_kept_although_the_row_has_changed(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        rows[0].body["use_for_organization_discovery"] = True
        (row,) = world.run(rows, 2).values()
        assert row["status"] == "reused"
        assert row["error"].startswith("The connection exists, so no other link can be created in place of this one")

    def test_also_if_links_are_to_be_reissued(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        (row,) = world.run(rows, 2, reissue=True).values()
        assert (row["status"], row["ticket_id"]) == ("reused", world.tenant.tickets[0].id)
        assert row["error"].startswith("The connection exists, so no other link can be created in place of this one")

    @pytest.mark.parametrize(
        ("scopes", "error"),
        [
            (["read:logs"], "A link to finish it needs the scope read:connections"),
            (["read:connections"], "A link to finish it needs the scope read:organization_connections,"),
        ],
    )
    def test_none_is_created_to_finish_one_that_may_be_finished(
        self, make_world: MakeWorld, scopes: list[str], error: str
    ) -> None:
        world = make_world(scopes=("create:sso_access_tickets", "delete:sso_access_tickets", *scopes))
        rows = act(world, "acme", "gives_up")
        world.clock.now += 150 * HOUR
        world.follow()
        (row,) = world.run(rows, 2, edit=True).values()
        assert row["status"] == "conflict"
        assert error in row["error"]

    @pytest.mark.answers("a connection exists that is not enabled, and no link is valid")
    @pytest.mark.parametrize(
        ("acts", "config", "error"),
        [
            ("gives_up", {}, "connected: the connection exists and is not enabled. Nothing was sent."),
            ("waits_for_a_domain", REQUIRED, "waiting_for_domain since 2027-01-15T09:00:00Z: no domain"),
        ],
    )
    def test_nothing_is_sent_that_would_be_refused(
        self, world: World, acts: str, config: dict[str, Any], error: str
    ) -> None:
        rows = act(world, "acme", acts, **config)
        world.clock.now += 6 * HOUR
        world.follow()
        before = sent(world)
        (row,) = world.run(rows, 2).values()
        assert (row["status"], row["ticket_url"]) == ("conflict", "")
        assert row["error"].startswith(error)
        assert "on_conflict=edit" in row["error"]
        assert sent(world) == before

    @pytest.mark.answers("the same, with `on_conflict=edit`")
    @pytest.mark.parametrize(
        ("acts", "config", "features"),
        [
            ("gives_up", OPTIONAL, {}),
            ("waits_for_a_domain", REQUIRED, {"enabled_features": {"domain_verification": True}}),
        ],
    )
    def test_with_edit_a_ticket_is_created_that_finishes_it(
        self, world: World, acts: str, config: dict[str, Any], features: dict[str, Any]
    ) -> None:
        (row,) = act(world, "acme", acts, **config)
        world.clock.now += 6 * HOUR
        world.follow()
        outcome = world.run([row], 2, edit=True)["acme"]
        ticket = world.tenant._tenant.tickets[outcome["ticket_id"]]
        expected = {
            "connection_id": next(iter(world.tenant.connections)),
            **config,
            "enabled_clients": ["client-1"],
            "enabled_organizations": [{"organization_id": "org_1"}],
        }
        assert ticket.body == {**expected, **features}
        assert (outcome["status"], world.entry("acme").flow_type) == ("created", "update")
        assert world.run([row], 3)["acme"]["status"] == "reused", "the run need not be told again"
        world.clock.now += HOUR
        world.finish(outcome["ticket_id"])
        world.clock.now += 1
        world.follow()
        assert world.run([row], 4)["acme"]["status"] == "finished"

    def test_a_link_to_finish_that_has_expired_is_replaced_by_another(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        for run in (2, 3):
            world.clock.now += 150 * HOUR
            world.follow()
            assert world.run(rows, run, edit=True)["acme"]["status"] == "created"
        assert [ticket.body.get("connection_id") is None for ticket in world.tenant._tenant.tickets.values()] == [
            True,
            False,
            False,
        ]

    def test_a_link_to_finish_is_kept_when_nobody_follows_any_more(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        world.clock.now += 6 * HOUR
        world.follow()
        world.run(rows, 2, edit=True)
        world.clock.now += 50 * HOUR
        assert world.run(rows, 3)["acme"]["status"] == "reused"

    def test_a_link_to_finish_a_connection_that_is_gone_is_replaced(self, world: World) -> None:
        rows = act(world, "acme", "gives_up")
        world.clock.now += 6 * HOUR
        world.follow()
        world.run(rows, 2, edit=True)
        world.tenant._call(world.tenant._tenant.connections.clear)
        world.clock.now += HOUR
        world.follow()
        assert world.run(rows, 3)["acme"]["status"] == "created"
        assert world.entry("acme").flow_type == "create"

    def test_two_prospects_of_one_connection_are_finished_together(self, world: World) -> None:
        rows = prospects("acme", "globex")
        rows[1] = setups.renamed(rows[1], "acme", organization_id="org_1")
        world.create(rows)
        world.clock.now += HOUR
        world.customer("acme").finishes()
        world.clock.now += 1
        world.follow()
        attempt = RunAttempt("create_sso_tickets/run-2", 3, FIRST_RUN.run_after + 2)
        outcomes = world.create(rows, attempt)
        assert {row: outcome["status"] for row, outcome in outcomes.items()} == {1: "finished", 2: "finished"}
