"""What the distribution says it runs on agrees with what the project installs and tests."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = {needed.name: needed for needed in map(Requirement, PROJECT["dependencies"])}


def named_in(file: str) -> list[Requirement]:
    """Return what a file of requirements, or a lock, names."""
    lines = (line.removesuffix("\\") for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line[:1].isalpha()]


PINNED = named_in("requirements.txt")


def test_the_pinned_versions_satisfy_the_distribution() -> None:
    for pin in PINNED:
        for pinned in pin.specifier if pin.name in NEEDED else ():
            assert pinned.version in NEEDED[pin.name].specifier, pin


def test_what_is_tested_is_what_production_runs() -> None:
    runtime, dev = set(named_in("requirements.lock")), set(named_in("requirements-dev.lock"))
    assert runtime < dev
    assert {pin.name for pin in PINNED} <= {locked.name for locked in runtime}
    assert {pin.name for pin in named_in("requirements-dev.txt")} <= {locked.name for locked in dev - runtime}


def test_a_python_that_airflows_providers_have_dropped_is_refused() -> None:
    assert "3.10.19" not in SpecifierSet(PROJECT["requires-python"])
    assert "3.11.0" in SpecifierSet(PROJECT["requires-python"])


def test_airflow_3_4_is_refused_since_it_keeps_xcoms_in_another_table() -> None:
    assert "3.3.2" in NEEDED["apache-airflow"].specifier
    assert "3.4.0" not in NEEDED["apache-airflow"].specifier
