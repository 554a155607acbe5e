"""A pytest plugin that runs the suite against a given tenant and keeps what became of each statement."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pytest

from tests.contract.client import ContractClient, ContractError

_UNKNOWN: Final = "unknown"


class Verdict(StrEnum):
    """What became of a statement."""

    HOLDS = "hold"
    DIFFERS = "differ"
    NOT_CHECKED = "were not checked"
    LEFT_OUT = "were left out"


@dataclass(frozen=True)
class Statement:
    """
    A statement and its verdict.

    :param text: the test's name, as a sentence.
    :param assumption: why no document says it; empty if one does.
    :param stated: the right side of the comparison that failed.
    :param done: its left side, what the tenant did; or why the statement was not checked or left out.
    """

    text: str
    verdict: Verdict
    assumption: str = ""
    stated: str = ""
    done: str = ""

    @property
    def fails(self) -> bool:
        """Whether the tenant fails by it: an assumption may differ."""
        return self.verdict is Verdict.NOT_CHECKED or (self.verdict is Verdict.DIFFERS and not self.assumption)


class Verdicts:
    """
    Gives the suite its tenant, and collects the verdicts.

    :param client: of the tenant, signed in.
    :param organization_id: an organization of the tenant; empty if none is known.
    """

    def __init__(self, client: ContractClient, organization_id: str) -> None:
        self.client = client
        self.organization_id = organization_id
        self.statements: list[Statement] = []
        self._compared = ("", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Leave a test out that the tenant can't be asked for, before anything is sent for it."""
        self._compared = ("", "")
        only = item.get_closest_marker("sandbox_only")
        if only:
            pytest.skip(str(only.args[0]))
        scope = item.get_closest_marker("needs_scope")
        if scope and scope.args[0] not in self.client.scopes:
            pytest.skip(f"the application lacks the scope {scope.args[0]}")

    def pytest_assertrepr_compare(self, left: object, right: object) -> None:
        """Keep both sides of a comparison that has failed."""
        self._compared = (self.client.hidden(repr(left)), self.client.hidden(repr(right)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the verdict of a statement, at the end of its test or where it ends early."""
        report = yield
        if report.when == "call" or not report.passed:
            self.statements.append(self._statement(item, call, report))
        return report

    def _statement(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Statement:
        text = item.name.removeprefix("test_").replace("_", " ")
        mark = item.get_closest_marker("assumption")
        assumption = str(mark.args[0]) if mark else ""
        error = call.excinfo.value if call.excinfo else None
        if report.passed:
            return Statement(text, Verdict.HOLDS, assumption)
        if report.skipped:
            return Statement(text, Verdict.LEFT_OUT, assumption, done=str(getattr(error, "msg", error)))
        if report.when == "call" and isinstance(error, AssertionError):
            done, stated = self._compared
            return Statement(text, Verdict.DIFFERS, assumption, stated, done or _UNKNOWN)
        return Statement(text, Verdict.NOT_CHECKED, assumption, done=self._reason(error))

    def _reason(self, error: Any) -> str:
        """Return why a statement was not checked; of an error that the suite doesn't know only its kind."""
        return self.client.hidden(str(error)) if isinstance(error, ContractError) else type(error).__name__
