"""The ledger, as the api-server sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.database import LEDGER_CONN_ID, ledger_url
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import TENANT
from sqlalchemy import URL


def readable_url() -> URL | None:
    """
    Return the URL of the ledger that the workers use; None if there is none yet, since no link was ever requested.

    :raises LedgerError: if the api-server can't see it. It creates no SQLite file, which would be empty.
    """
    url = ledger_url()
    if url.get_backend_name() != "sqlite" or Path(url.database or "").exists():
        return url
    if not _a_task_has_begun():
        return None
    raise LedgerError(
        "The api-server finds no ledger, though runs have begun to request links.",
        advice=f"Give the api-server the workers' connection '{LEDGER_CONN_ID}', or their SSO_TICKETS_LEDGER.",
    )


@contextmanager
def readable_ledger() -> Iterator[Ledger]:
    """Open the ledger that the workers use, see :func:`readable_url`; an empty one if there is none yet."""
    with opened(readable_url()) as ledger:
        yield ledger


@contextmanager
def opened(url: str | URL | None) -> Iterator[Ledger]:
    """Open the ledger at a URL; without one, an empty one for the time of the block."""
    if url:
        with closing(open_ledger(url)) as ledger:
            yield ledger
    else:
        with TemporaryDirectory() as folder, closing(open_ledger(f"sqlite:///{folder}/empty.db")) as ledger:
            yield ledger


def _a_task_has_begun() -> bool:
    """Whether Airflow knows of a task that had a slot of the pool, as every task that requests links has."""
    from sso_ui.airflow import has_task_begun  # heavy, and not needed to count

    return has_task_begun(TENANT.pool)
