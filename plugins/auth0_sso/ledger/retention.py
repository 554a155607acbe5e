"""How long the ledger keeps the URLs of links that are dead."""

from __future__ import annotations

import os

import structlog

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import OPEN_LIFETIME
from auth0_sso.ledger.store import Ledger

log = structlog.get_logger(logger_name="task")

KEEP_DAYS_VARIABLE = "SSO_TICKETS_KEEP_DEAD_URLS_DAYS"
DEFAULT_KEEP_DAYS = 30

# So that a run isn't held up: what is left over is the next run's.
MOST_A_RUN = 10_000


def keep_days() -> int:
    """
    Return for how many days after its death a link's URL is kept: the environment variable, or 30; 0 is not at all.

    :raises LedgerError: if the variable is no whole number of days.
    """
    said = os.environ.get(KEEP_DAYS_VARIABLE, "").strip()
    if not said:
        return DEFAULT_KEEP_DAYS
    if not (said.isascii() and said.isdecimal()):
        raise LedgerError(
            f"{KEEP_DAYS_VARIABLE} is '{said}'.",
            advice="Set it to a whole number of days for which the ledger keeps the URLs of dead links, 0 or more.",
        )
    return int(said)


def forget_dead_urls(ledger: Ledger, days: int, most: int = MOST_A_RUN) -> int:
    """
    Remove the URLs of links that have been dead for so long; what was asked for whom, when and by which run stays.

    A revoked link's URL is gone already. One that expired is dead five hours later: it may have been opened at
    its last moment.

    :param ledger: the ledger; tasks may use it meanwhile.
    :param days: see :func:`keep_days`.
    :param most: how many are removed at once.
    :return: how many were removed.
    """
    forgotten = ledger.forget_urls(ledger.now() - OPEN_LIFETIME - days * 86_400, most)
    if forgotten:
        log.info("Removed the URLs of dead links from the ledger", links=forgotten, kept_for_days=days)
    return forgotten
