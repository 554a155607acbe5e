"""The databases of the fault scenarios."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import databases

sqlite_url = databases.sqlite_url
ledger = databases.sqlite_ledger


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with databases.postgres_schema() as url:
        yield url
