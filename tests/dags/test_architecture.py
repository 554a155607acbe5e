"""How large a module and a folder may grow; who may import whom is in pyproject.toml, for import-linter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dags.parsing import PROJECT

SIZES = {"plugins/auth0_sso/hooks/auth0.py": 350}
MOST_LINES = 250
MOST_ENTRIES = 10
CODE = ("dags", "plugins", "include", "dev", "tests")
MODULES = sorted(path for folder in CODE[:-1] for path in (PROJECT / folder).rglob("*.py"))
FOLDERS = sorted({path.parent for folder in CODE for path in (PROJECT / folder).rglob("*.py")})


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_has_one_reason_to_change(module: Path) -> None:
    with module.open(encoding="utf-8") as file:
        lines = sum(1 for _ in file)
    assert lines <= SIZES.get(_name(module), MOST_LINES)


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_a_folder_can_be_seen_at_a_glance(folder: Path) -> None:
    entries = {path.name for path in folder.iterdir() if not path.name.startswith((".", "__init__", "__pycache__"))}
    assert len(entries - {"py.typed"}) <= MOST_ENTRIES


@pytest.mark.parametrize("module", [path for path in MODULES if path.parent.name == "dags"], ids=_name)
def test_a_dag_file_is_wiring(module: Path) -> None:
    assert set(_imported(module)) & {"pandas", "openpyxl", "requests", "aiohttp", "dev"} == set()


def _imported(path: Path) -> Iterator[str]:
    """Yield the top-level names of all that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
