"""What is done next for a prospect follows from its entry: the decision table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from auth0_sso.ledger.records import OPEN_LIFETIME, Entry, RunAttempt, TicketSpec
from auth0_sso.tickets.decide import Action, decide

from tests.support.factories import FIRST_RUN, NOW, SECOND_RUN, SPEC, entry

CHANGED = replace(SPEC, request=replace(SPEC.request, body={"connection_config": {"name": "globex"}}))
CLEARED = replace(FIRST_RUN, number=7)
OLDER_RUN = RunAttempt("create_sso_tickets/run-0", 3, FIRST_RUN.run_after - 50)
SAME_ID_AFTER_A_DELETION = replace(FIRST_RUN, run_after=FIRST_RUN.run_after + 50)

VALID = entry("created")
JUST_EXPIRED = entry("created", expires_at=NOW)
EXPIRED = entry("created", expires_at=NOW - OPEN_LIFETIME)
IN_FLIGHT = entry("in_flight")
LOST = entry("in_flight", answer_by=NOW - 1)
CONFLICT = entry("conflict")
FAILED = entry("failed")
REVOKED = entry("revoked", revoked_by="revoke/run-1")
REVOKED_BY_ITSELF = replace(REVOKED, revoked_by=FIRST_RUN.run)
REVOKING = entry("revoking")


@pytest.mark.parametrize(
    ("known", "spec", "attempt", "reissue", "expected"),
    [
        pytest.param(None, SPEC, FIRST_RUN, False, Action.CREATE, id="an unknown prospect's ticket is created"),
        pytest.param(VALID, SPEC, FIRST_RUN, False, Action.KEEP, id="a retry keeps the run's own ticket"),
        pytest.param(VALID, SPEC, FIRST_RUN, True, Action.KEEP, id="a retry does not reissue what this run has issued"),
        pytest.param(VALID, SPEC, CLEARED, True, Action.KEEP, id="nor does a cleared task of the run"),
        pytest.param(VALID, SPEC, SECOND_RUN, False, Action.KEEP, id="another run reuses a valid ticket"),
        pytest.param(VALID, SPEC, SECOND_RUN, True, Action.REPLACE, id="another run reissues it if it is to"),
        pytest.param(VALID, CHANGED, FIRST_RUN, False, Action.REPLACE, id="a changed request needs a new ticket"),
        pytest.param(VALID, CHANGED, SECOND_RUN, False, Action.REPLACE, id="and so in another run"),
        pytest.param(VALID, SPEC, OLDER_RUN, False, Action.KEEP, id="an older run's clear reuses a later run's ticket"),
        pytest.param(VALID, SPEC, OLDER_RUN, True, Action.KEEP, id="and does not reissue it"),
        pytest.param(VALID, CHANGED, OLDER_RUN, False, Action.KEEP, id="nor replace it by an older request"),
        pytest.param(VALID, SPEC, SAME_ID_AFTER_A_DELETION, True, Action.REPLACE, id="a deleted run's id is another's"),
        pytest.param(EXPIRED, SPEC, FIRST_RUN, False, Action.CREATE, id="an expired ticket is created again"),
        pytest.param(EXPIRED, SPEC, SECOND_RUN, True, Action.CREATE, id="an expired ticket is not revoked first"),
        pytest.param(EXPIRED, SPEC, OLDER_RUN, False, Action.CREATE, id="an older run replaces an expired one"),
        pytest.param(JUST_EXPIRED, SPEC, SECOND_RUN, False, Action.RETIRE, id="it may have been opened late"),
        pytest.param(JUST_EXPIRED, SPEC, FIRST_RUN, False, Action.RETIRE, id="also this run's own"),
        pytest.param(IN_FLIGHT, SPEC, FIRST_RUN, False, Action.WAIT, id="a request under way is waited for"),
        pytest.param(IN_FLIGHT, SPEC, SECOND_RUN, True, Action.WAIT, id="also by another run"),
        pytest.param(LOST, SPEC, FIRST_RUN, False, Action.CREATE, id="a request of a killed task is sent again"),
        pytest.param(entry("unknown"), SPEC, FIRST_RUN, False, Action.CREATE, id="one without an answer is sent again"),
        pytest.param(
            entry("deferred"), SPEC, FIRST_RUN, False, Action.CREATE, id="one that came too early is sent again"
        ),
        pytest.param(CONFLICT, SPEC, FIRST_RUN, False, Action.KEEP, id="a conflict stands for the run's retries"),
        pytest.param(CONFLICT, SPEC, CLEARED, False, Action.CREATE, id="until a person clears the task"),
        pytest.param(CONFLICT, SPEC, SECOND_RUN, False, Action.CREATE, id="or another run starts"),
        pytest.param(CONFLICT, CHANGED, FIRST_RUN, False, Action.CREATE, id="or the request has changed"),
        pytest.param(FAILED, SPEC, FIRST_RUN, False, Action.KEEP, id="a refusal stands for the run's retries"),
        pytest.param(FAILED, SPEC, SAME_ID_AFTER_A_DELETION, False, Action.CREATE, id="for this run only"),
        pytest.param(REVOKED, SPEC, FIRST_RUN, False, Action.KEEP, id="a retry undoes no revocation"),
        pytest.param(REVOKED, SPEC, CLEARED, False, Action.CREATE, id="a clear does"),
        pytest.param(REVOKED, SPEC, SECOND_RUN, False, Action.CREATE, id="another run does"),
        pytest.param(REVOKED_BY_ITSELF, SPEC, FIRST_RUN, False, Action.CREATE, id="but the run's own"),
        pytest.param(REVOKING, SPEC, FIRST_RUN, False, Action.REPLACE, id="an unconfirmed revocation is done again"),
        pytest.param(REVOKING, SPEC, SECOND_RUN, True, Action.REPLACE, id="also by another run"),
        pytest.param(
            entry("revoking", expires_at=NOW - OPEN_LIFETIME),
            SPEC,
            FIRST_RUN,
            False,
            Action.CREATE,
            id="but not of an expired ticket",
        ),
    ],
)
def test_the_action_follows_from_the_entry(
    known: Entry | None, spec: TicketSpec, attempt: RunAttempt, reissue: bool, expected: Action
) -> None:
    assert decide(known, spec, attempt, reissue=reissue, now=NOW) is expected
