"""
``python -m tests.contract``: compare the tenant of ``AIRFLOW_CONN_AUTH0_DEFAULT`` with what the sandbox is built on.

It says what it does with the tenant, asks, runs the suite against it, and prints the statements that don't hold.

It returns 0 if all documented statements hold, also if assumptions differ; 1 if one doesn't hold, or if a statement
could not be checked; 2 if nothing was sent but a request for a token; 130 after Ctrl-C. What it can't know of the
tenant is in :mod:`tests.contract.consent`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest
from auth0_sso.hooks.identifiers import is_id
from rich.console import Console

from tests.contract import consent
from tests.contract.client import (
    CREATE_SCOPE,
    LINK_SECONDS,
    MAX_REQUESTS,
    ContractClient,
    ContractError,
    Interrupts,
)
from tests.contract.connection import UnusableConnectionError, read_connection
from tests.contract.differences import report
from tests.contract.tenant import ORGANIZATION_VARIABLE
from tests.contract.verdicts import Verdicts

_PROJECT: Final = Path(__file__).parents[2]
_HELD, _FAILED, _NOT_RUN, _INTERRUPTED = 0, 1, 2, 130
# The table says what a traceback would.
_PYTEST: Final = (
    "-q",
    "--no-header",
    "--no-summary",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


def main() -> int:
    """Run the suite against the tenant; return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    environment = dict(os.environ)  # the project's conftest.py removes the settings of a developer's shell
    os.environ.pop("PYTEST_ADDOPTS", None)
    interrupts = Interrupts()
    interrupts.listen()  # to SIGTERM, too: the links are revoked then
    try:
        settings = read_connection(environment)
        organization_id = _organization_id(environment)
        console.print(consent.announcement(settings.domain, settings.profile_id), soft_wrap=True)
        consent.require_consent(settings.domain, environment.get(consent.VARIABLE, ""), _asker())
        with ContractClient(settings, interrupts=interrupts) as client:
            _sign_in(client)
            verdicts = Verdicts(client, organization_id)
            ended = _run_suite(verdicts)
    except (UnusableConnectionError, consent.RefusedError, ContractError) as error:
        console.print(f"Nothing was checked. {error}")
        return _NOT_RUN
    except (KeyboardInterrupt, EOFError):
        console.print("Interrupted.")
        return _INTERRUPTED
    report(console, verdicts.statements, settings.domain)
    return _conclusion(console, verdicts, ended)


def _asker() -> Callable[[str], str] | None:
    """Return what asks a person; None if nobody is at a terminal."""
    return input if sys.stdin.isatty() else None


def _organization_id(environment: Mapping[str, str]) -> str:
    named = environment.get(ORGANIZATION_VARIABLE, "").strip()
    if named and not is_id(named):
        raise ContractError(f"{ORGANIZATION_VARIABLE} must be the id of an organization, org_….")
    return named


def _sign_in(client: ContractClient) -> None:
    """Get the token; ContractError if the tenant gives none, or one that can't make links."""
    answer = client.sign_in()
    if answer.status != 200:
        said = f"{answer.error.get('error', 'no error code')}: {answer.message('error_description')}"
        raise ContractError(f"The tenant gives no token: {answer.status} {said}.")
    if CREATE_SCOPE not in client.scopes:
        raise ContractError(f"The application lacks the scope {CREATE_SCOPE}.")


def _run_suite(verdicts: Verdicts) -> int:
    """Run the tests beside this file; return pytest's exit code."""
    arguments = [*_PYTEST, f"--rootdir={_PROJECT}", f"--config-file={_PROJECT / 'pyproject.toml'}"]
    arguments += ["-o", "addopts=--import-mode=importlib --strict-markers", str(Path(__file__).parent)]
    return int(pytest.main(arguments, [verdicts]))


def _conclusion(console: Console, verdicts: Verdicts, ended: int) -> int:
    """Print what was sent and what is left; return the exit code."""
    client = verdicts.client
    console.print(f"Requests: {client.requests} of at most {MAX_REQUESTS}.")
    console.print(f"Links: {client.links}, of which {client.links - client.links_left} are revoked.")
    if client.links_left:
        console.print(f"Each of the others ends by itself, {LINK_SECONDS} seconds after it was made.")
    if ended == pytest.ExitCode.INTERRUPTED:
        console.print("Interrupted.")
        return _INTERRUPTED
    fails = any(one.fails for one in verdicts.statements)
    if fails or ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        console.print("Not all documented statements hold, or some could not be checked.")
        return _FAILED
    console.print("All documented statements that were checked hold.")
    return _HELD


if __name__ == "__main__":
    sys.exit(main())
