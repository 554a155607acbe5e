"""The ledger, as the api-server sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.database import LEDGER_CONN_ID, ledger_url
from auth0_sso.ledger.store import Ledger, open_ledger
from sqlalchemy import URL


def readable_url() -> URL:
    """
    Return the URL of the ledger that the workers use.

    :raises LedgerError: if the api-server can't see it. It creates no SQLite file, which would be empty.
    """
    url = ledger_url()
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise LedgerError(
            "The api-server finds no ledger yet.",
            advice="The first run creates it. If runs have ended already, give the api-server the workers' connection "
            f"'{LEDGER_CONN_ID}', or their SSO_TICKETS_LEDGER.",
        )
    return url


@contextmanager
def readable_ledger() -> Iterator[Ledger]:
    """Open the ledger that the workers use; LedgerError if the api-server can't see it."""
    with closing(open_ledger(readable_url())) as ledger:
        yield ledger
