"""Decide from the ledger what to do for a prospect."""

from __future__ import annotations

from enum import Enum

from auth0_sso.ledger.records import Ask, Entry, Round


class Step(Enum):
    """What to do next for a prospect."""

    CREATE = "create"
    REPLACE = "replace"  # revoke the ticket that lives, then create
    RETIRE = "retire"  # revoke, if the token may, a ticket that has only just expired, then create
    KEEP = "keep"  # its state is known; nothing is sent
    WAIT = "wait"  # somebody else's request is under way


def next_step(entry: Entry | None, ask: Ask, who: Round, *, reissue: bool, now: float) -> Step:
    """
    Decide from the ledger what to do for a prospect.

    A run issues at most one ticket for a prospect, however often its tasks are tried again or cleared, unless
    the request has changed or the ticket is dead. It never replaces what a later run has issued. A refusal, and
    a revocation by somebody else, stand until a person clears the task or another run asks.

    :param entry: what the ledger knows, if anything.
    :param ask: what is asked now.
    :param who: the run that asks.
    :param reissue: whether a ticket of an earlier run is replaced although it lives.
    :param now: UNIX seconds.
    """
    if entry is None:
        return Step.CREATE
    if entry.status == "asking" and entry.answer_by > now:
        return Step.WAIT
    if entry.is_live(now):
        return _with_a_living_ticket(entry, ask, who, reissue=reissue)
    if entry.may_work(now):  # in doubt, its revocation is done again, which does no harm
        return Step.REPLACE if entry.status == "revoking" else Step.RETIRE
    stands = entry.status in ("conflict", "failed") or (entry.status == "revoked" and entry.revoked_by != who.run)
    if stands and who.owns(entry) and (entry.round, entry.fingerprint) == (who.number, ask.fingerprint):
        return Step.KEEP
    return Step.CREATE


def _with_a_living_ticket(entry: Entry, ask: Ask, who: Round, *, reissue: bool) -> Step:
    unchanged = entry.fingerprint == ask.fingerprint
    if who.owns(entry):
        return Step.KEEP if unchanged else Step.REPLACE
    if entry.run_after >= who.run_after:
        return Step.KEEP
    return Step.KEEP if unchanged and not reissue else Step.REPLACE
