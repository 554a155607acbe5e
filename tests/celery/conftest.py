"""One stack for all tests of this folder, a tenant for each, and the figures, which are printed at the end."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.celery.figures import Figures, table
from tests.celery.stack import HOME, PLAN, Stack
from tests.support import databases

_FIGURES = pytest.StashKey[list[Figures]]()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    shutil.rmtree(HOME, ignore_errors=True)
    # SIGTERM must end it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with Stack() as started:
        databases.use_fernet_key(started.fernet_key)
        yield started


@pytest.fixture
def tenant() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(plan=PLAN)) as sandbox:
        yield sandbox


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[Figures]:
    """Return the list that takes each run's figures."""
    return request.config.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(config: pytest.Config) -> None:
    if found := config.stash.get(_FIGURES, []):
        Console(width=None if sys.stdout.isatty() else 200).print(table(found))
