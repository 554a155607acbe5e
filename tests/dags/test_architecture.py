"""Who may import whom, and how large a module may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dags.parsing import PROJECT

SIZES = {"plugins/auth0_sso/hook.py": 350}
MOST_LINES = 250
DAG_MODULES = {"dags", *(path.stem for path in (PROJECT / "dags").glob("*.py"))}
# What no module of a package may import, not even inside a function.
FORBIDDEN = {
    "dags": {"pandas", "openpyxl", "requests", "aiohttp"},
    "plugins/auth0_sso": {"include", "sso_ui", "pandas", *DAG_MODULES},
    "plugins/sso_ui": {"pandas", "openpyxl", "requests", "aiohttp", *DAG_MODULES},
    "include": {"auth0_sso", "sso_ui", "airflow", "requests", "aiohttp", "httpx", *DAG_MODULES},
}
MODULES = [
    (package, path)
    for package in FORBIDDEN
    for path in sorted(path.relative_to(PROJECT).as_posix() for path in (PROJECT / package).rglob("*.py"))
]


@pytest.mark.parametrize(("package", "module"), MODULES, ids=[module for _, module in MODULES])
def test_a_module_keeps_to_its_side_of_the_house(package: str, module: str) -> None:
    assert set(_imported(PROJECT / module)) & FORBIDDEN[package] == set()


@pytest.mark.parametrize("module", [module for _, module in MODULES])
def test_a_module_has_one_reason_to_change(module: str) -> None:
    with (PROJECT / module).open(encoding="utf-8") as file:
        lines = sum(1 for _ in file)
    assert lines <= SIZES.get(module, MOST_LINES)


def _imported(path: Path) -> Iterator[str]:
    """Yield the top-level names of all that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
