"""Whether a link would let a customer finish: an edit ticket for a connection that exists and isn't enabled."""

from __future__ import annotations

from typing import Any

from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.setup_log import Followed
from auth0_sso.models import TicketRequest
from auth0_sso.tickets.decide import NOTHING_SENT, Action, Policy, decide_with_setup


def would_finish(entry: Entry, followed: Followed, now: float) -> bool:
    """
    Return whether a run that starts now with ``on_conflict=edit`` would request a ticket to finish the setup.

    Its row is taken to be the one of the prospect's last request.
    """
    next_run = RunAttempt("", 0, now)
    decision = decide_with_setup(entry, spec_of_entry(entry), next_run, Policy(edit=True), followed, now)
    sends_nothing = decision.action in NOTHING_SENT or decision.action is Action.WAIT
    return decision.spec.unfinished is not None and not sends_nothing


def spec_of_entry(entry: Entry) -> TicketSpec:
    """Return a request for an entry's prospect and connection, without what its row asked for beside them."""
    # A row that edits a connection names its id, ``con_…``; no name of a connection has an underscore.
    is_id = "_" in entry.connection_name
    target: dict[str, Any] = {"connection_id": entry.connection_name} if is_id else {}
    request = TicketRequest(
        organization_id=entry.organization_id,
        body=target,
        prospect=entry.prospect,
        connection_name="" if is_id else entry.connection_name,
    )
    return TicketSpec(request, entry.tenant, entry.profile_id)
