"""Record in the ledger what came back from Auth0, also if the ledger is away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from auth0_sso.ledger.database import UncertainCommitError, is_away
from auth0_sso.ledger.records import Entry
from auth0_sso.runtime.timeouts import Timeouts


async def recorded(write: Callable[..., Entry], *args: Any, timeouts: Timeouts, **kwargs: Any) -> Entry:
    """
    Record what came back; return the entry. If the ledger is away, try for a while: it would be lost.

    :raises UncertainCommitError: if it stays away, and any of the attempts may have written it.
    """
    uncertain: list[UncertainCommitError] = []

    async def once() -> Entry:
        try:
            return await asyncio.to_thread(write, *args, **kwargs)
        except UncertainCommitError as error:
            uncertain.append(error)
            raise

    retrying = AsyncRetrying(
        retry=retry_if_exception(is_away),
        stop=stop_after_delay(timeouts.ledger),
        wait=wait_fixed(timeouts.poll_interval),
        reraise=True,
    )
    try:
        return await retrying(once)
    except DBAPIError as error:
        raise uncertain[0] if uncertain else error from None
