"""What follows from a prospect's entry for the next ask: the whole decision table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import DEFAULT_TTL, OPEN_LIFETIME, Entry, RunAttempt, TicketSpec, unseen_ticket_until
from auth0_sso.models import SsoTicket
from auth0_sso.tickets.decide import Action, decide

NOW = 1_800_000_000.0
ASK = TicketSpec("acme.example.com", "ssp_1", "org_1", "ada@example.com", {"connection_config": {"name": "acme"}})
ANOTHER_REQUEST = replace(ASK, body={"connection_config": {"name": "globex"}})
ME = RunAttempt("create/run-1", 3, NOW - 30)
AFTER_A_CLEAR = RunAttempt("create/run-1", 7, NOW - 30)
ANOTHER_RUN = RunAttempt("create/run-2", 3, NOW - 10)


def entry(status: str, **changes: Any) -> Entry:
    known = Entry(
        key=ASK.key,
        tenant=ASK.tenant,
        profile_id=ASK.profile_id,
        organization_id=ASK.organization_id,
        organization_name="",
        prospect=ASK.prospect,
        connection_name="",
        status=status,
        fingerprint=ASK.fingerprint,
        run=ME.run,
        run_attempt=ME.number,
        run_after=ME.run_after,
        attempts=1,
        requested_at=NOW - 20,
        answer_by=NOW + 15,
        lives_until=NOW + 15 + DEFAULT_TTL,
        version=1,
    )
    if status in ("created", "revoking"):
        ticket = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t1")
        known = replace(known, ticket=ticket, created_at=NOW - 20, expires_at=NOW + 1000)
    return replace(known, **changes)


LIVE = entry("created")
EXPIRED = entry("created", expires_at=NOW - OPEN_LIFETIME)
JUST_EXPIRED = entry("created", expires_at=NOW)
OLDER_RUN = RunAttempt("create/run-0", 3, NOW - 50)
SAME_ID_AFTER_A_DELETION = RunAttempt(ME.run, ME.number, NOW - 5)
BY_A_PERSON = {"revoked_by": "revoke/run-1"}
LOST = {"answer_by": NOW - 1}


@pytest.mark.parametrize(
    ("known", "spec", "attempt", "reissue", "expected"),
    [
        pytest.param(None, ASK, ME, False, Action.CREATE, id="an unknown prospect is asked for"),
        pytest.param(None, ASK, ME, True, Action.CREATE, id="an unknown prospect is asked for, reissue or not"),
        pytest.param(LIVE, ASK, ME, False, Action.KEEP, id="a retry keeps the run's own ticket"),
        pytest.param(LIVE, ASK, ME, True, Action.KEEP, id="a retry does not reissue what this run has issued"),
        pytest.param(LIVE, ASK, AFTER_A_CLEAR, True, Action.KEEP, id="nor does a cleared task of the run"),
        pytest.param(LIVE, ASK, ANOTHER_RUN, False, Action.KEEP, id="another run reuses a live ticket"),
        pytest.param(LIVE, ASK, ANOTHER_RUN, True, Action.REPLACE, id="another run reissues it if told to"),
        pytest.param(LIVE, ANOTHER_REQUEST, ME, False, Action.REPLACE, id="a changed request needs a new ticket"),
        pytest.param(LIVE, ANOTHER_REQUEST, ANOTHER_RUN, False, Action.REPLACE, id="and so in another run"),
        pytest.param(EXPIRED, ASK, ME, False, Action.CREATE, id="an expired ticket is asked for anew"),
        pytest.param(EXPIRED, ASK, ANOTHER_RUN, True, Action.CREATE, id="an expired ticket is not revoked first"),
        pytest.param(EXPIRED, ANOTHER_REQUEST, ANOTHER_RUN, False, Action.CREATE, id="nor if the request changed"),
        pytest.param(LIVE, ASK, OLDER_RUN, False, Action.KEEP, id="an older run's clear reuses a later run's ticket"),
        pytest.param(LIVE, ASK, OLDER_RUN, True, Action.KEEP, id="and does not reissue it"),
        pytest.param(LIVE, ANOTHER_REQUEST, OLDER_RUN, False, Action.KEEP, id="nor replace it by an older request"),
        pytest.param(EXPIRED, ASK, OLDER_RUN, False, Action.CREATE, id="but asks anew if it is dead"),
        pytest.param(LIVE, ASK, SAME_ID_AFTER_A_DELETION, True, Action.REPLACE, id="a deleted run's id is no identity"),
        pytest.param(JUST_EXPIRED, ASK, ANOTHER_RUN, False, Action.RETIRE, id="it may have been opened late"),
        pytest.param(JUST_EXPIRED, ASK, ME, False, Action.RETIRE, id="whoever asks"),
        pytest.param(entry("in_flight"), ASK, ME, False, Action.WAIT, id="an ask under way is waited for"),
        pytest.param(entry("in_flight"), ASK, ANOTHER_RUN, True, Action.WAIT, id="whoever has asked"),
        pytest.param(entry("in_flight"), ANOTHER_REQUEST, ME, False, Action.WAIT, id="whatever is asked now"),
        pytest.param(entry("in_flight", **LOST), ASK, ME, False, Action.CREATE, id="an ask that died is asked again"),
        pytest.param(entry("in_flight", **LOST), ASK, ANOTHER_RUN, False, Action.CREATE, id="by another run too"),
        pytest.param(entry("unknown"), ASK, ME, False, Action.CREATE, id="one without an answer is asked again"),
        pytest.param(entry("unknown"), ASK, ANOTHER_RUN, True, Action.CREATE, id="and by another run"),
        pytest.param(entry("deferred"), ASK, ME, False, Action.CREATE, id="one that came too early is asked again"),
        pytest.param(entry("conflict"), ASK, ME, False, Action.KEEP, id="a conflict stands for the run's retries"),
        pytest.param(entry("conflict"), ASK, ME, True, Action.KEEP, id="a conflict stands, reissue or not"),
        pytest.param(entry("conflict"), ASK, AFTER_A_CLEAR, False, Action.CREATE, id="until a person clears the task"),
        pytest.param(entry("conflict"), ASK, ANOTHER_RUN, False, Action.CREATE, id="or another run asks"),
        pytest.param(entry("conflict"), ANOTHER_REQUEST, ME, False, Action.CREATE, id="or the request has changed"),
        pytest.param(entry("failed"), ASK, ME, False, Action.KEEP, id="a refusal stands for the run's retries"),
        pytest.param(
            entry("failed"),
            ASK,
            SAME_ID_AFTER_A_DELETION,
            False,
            Action.CREATE,
            id="not for a new run with the same id",
        ),
        pytest.param(entry("failed"), ASK, AFTER_A_CLEAR, False, Action.CREATE, id="a refusal, until a clear"),
        pytest.param(entry("failed"), ASK, ANOTHER_RUN, False, Action.CREATE, id="a refusal, until another run"),
        pytest.param(entry("failed"), ANOTHER_REQUEST, ME, False, Action.CREATE, id="a refusal, of this request only"),
        pytest.param(entry("revoked", **BY_A_PERSON), ASK, ME, False, Action.KEEP, id="a retry undoes no revocation"),
        pytest.param(entry("revoked", **BY_A_PERSON), ASK, AFTER_A_CLEAR, False, Action.CREATE, id="a clear does"),
        pytest.param(entry("revoked", revoked_by=ME.run), ASK, ME, False, Action.CREATE, id="but the run's own"),
        pytest.param(entry("revoked"), ASK, ANOTHER_RUN, False, Action.CREATE, id="nor by another run"),
        pytest.param(entry("revoking"), ASK, ME, False, Action.REPLACE, id="a revocation in doubt is done again"),
        pytest.param(entry("revoking"), ASK, ANOTHER_RUN, True, Action.REPLACE, id="by another run too"),
        pytest.param(
            entry("revoking", expires_at=NOW - OPEN_LIFETIME), ASK, ME, False, Action.CREATE, id="but not of a dead one"
        ),
    ],
)
def test_the_next_step_follows_from_the_entry(
    known: Entry | None, spec: TicketSpec, attempt: RunAttempt, reissue: bool, expected: Action
) -> None:
    assert decide(known, spec, attempt, reissue=reissue, now=NOW) is expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(None, 0.0, id="of an unknown prospect there is no doubt"),
        pytest.param(entry("created"), 0.0, id="an answer leaves none"),
        pytest.param(entry("deferred"), 0.0, id="a 429 leaves none"),
        pytest.param(entry("failed"), 0.0, id="a refusal leaves none"),
        pytest.param(entry("in_flight", lives_until=NOW + 9), NOW + 9, id="an intent may have made a ticket"),
        pytest.param(entry("unknown", lives_until=NOW + 9), NOW + 9, id="so may a lost answer"),
        pytest.param(entry("created", duplicate_until=NOW + 5), NOW + 5, id="an older doubt outlives an answer"),
        pytest.param(
            entry("unknown", lives_until=NOW + 9, duplicate_until=NOW + 20), NOW + 20, id="the longest doubt counts"
        ),
    ],
)
def test_doubt_lasts_as_long_as_an_unseen_ticket_could_live(known: Entry | None, expected: float) -> None:
    assert unseen_ticket_until(known) == expected


def test_a_flag_ends_with_the_life_of_the_unseen_ticket() -> None:
    flagged = entry("created", duplicate_until=NOW + 5)
    assert flagged.may_be_duplicate(NOW)
    assert not flagged.may_be_duplicate(NOW + 5)


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": None}, False),
        ({"ticket": None}, False),
        ({"status": "revoking"}, False),
        ({"status": "revoked"}, False),
    ],
)
def test_a_ticket_lives_from_its_answer_until_it_expires_or_is_about_to_be_revoked(
    changes: dict[str, Any], live: bool
) -> None:
    assert replace(LIVE, **changes).is_live(NOW) is live


@pytest.mark.parametrize("field", ["tenant", "profile_id", "organization_id", "prospect"])
def test_another_prospect_profile_or_tenant_has_an_entry_of_its_own(field: str) -> None:
    assert replace(ASK, **{field: "another"}).key != ASK.key  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["organization_name", "connection_name"])
def test_a_new_name_in_the_csv_is_neither_another_prospect_nor_another_request(field: str) -> None:
    renamed = replace(ASK, **{field: "Renamed"})  # type: ignore[arg-type]
    assert (renamed.key, renamed.fingerprint) == (ASK.key, ASK.fingerprint)


def test_parts_of_a_key_can_not_run_into_each_other() -> None:
    assert (
        replace(ASK, organization_id="org_1a", prospect="b").key
        != replace(ASK, organization_id="org_1", prospect="ab").key
    )


def test_the_order_of_a_bodys_fields_makes_no_other_request() -> None:
    one = replace(ASK, body={"ttl_sec": 5, "connection_config": {"name": "acme", "is_domain_connection": True}})
    two = replace(ASK, body={"connection_config": {"is_domain_connection": True, "name": "acme"}, "ttl_sec": 5})
    assert one.fingerprint == two.fingerprint


def test_another_custom_domain_makes_another_request() -> None:
    assert replace(ASK, custom_domain="login.example.com").fingerprint != ASK.fingerprint


@pytest.mark.parametrize(("body", "ttl"), [({}, 432_000), ({"ttl_sec": 0}, 432_000), ({"ttl_sec": 60}, 60)])
def test_no_lifetime_and_0_mean_five_days(body: dict[str, Any], ttl: float) -> None:
    assert replace(ASK, body=body).ttl == ttl


def test_two_rows_with_equal_fields_are_two_asks() -> None:
    assert replace(ASK) != ASK
