"""Waits that are short where a test isn't about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from auth0_sso import waits

from tests.unit.auth0_sso import databases

sqlite_url = databases.sqlite_url
ledger = databases.sqlite_ledger


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LONGEST_BACKOFF", "LONGEST_REST", "POLL", "TOKEN_POLL"):
        monkeypatch.setattr(waits, name, 0.05)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with databases.postgres_schema() as url:
        yield url
