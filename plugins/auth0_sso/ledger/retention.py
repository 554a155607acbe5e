"""How long the ledger keeps the URLs of expired tickets."""

from __future__ import annotations

import os

import structlog

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import OPEN_LIFETIME
from auth0_sso.ledger.store import Ledger

log = structlog.get_logger(logger_name="task")

KEEP_DAYS_VARIABLE = "SSO_TICKETS_KEEP_DEAD_URLS_DAYS"
DEFAULT_KEEP_DAYS = 30

# So that a run isn't held up; the next run removes more.
MOST_A_RUN = 10_000


def keep_days() -> int:
    """
    Return for how many days the URL of an expired ticket is kept: the environment variable, or 30; 0 is not at all.

    :raises LedgerError: if the variable is no whole number of days.
    """
    text = os.environ.get(KEEP_DAYS_VARIABLE, "").strip()
    if not text:
        return DEFAULT_KEEP_DAYS
    if not (text.isascii() and text.isdecimal()):
        raise LedgerError(
            f"{KEEP_DAYS_VARIABLE} is '{text}'.",
            advice="Set it to a whole number of days, 0 or more, for which the URLs of expired tickets are kept.",
        )
    return int(text)


def forget_expired_urls(ledger: Ledger, days: int, most: int = MOST_A_RUN) -> int:
    """
    Remove the URLs of tickets that expired so many days and five hours ago; all else about them stays.

    The five hours are for a ticket that was opened at its last moment. A revoked ticket's URL is gone already.

    :param days: see :func:`keep_days`.
    :return: how many were removed, at most ``most``.
    """
    forgotten = ledger.forget_urls(ledger.now() - OPEN_LIFETIME - days * 86_400, most)
    if forgotten:
        log.info("Removed the URLs of expired tickets from the ledger", tickets=forgotten, kept_for_days=days)
    return forgotten
