"""How large a module and a folder may be; pyproject.toml says which modules may import which, for import-linter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dags.parsing import PROJECT

SIZES = {"plugins/auth0_sso/hooks/auth0.py": 350}
MOST_LINES = {"dags": 100, "plugins": 250, "include": 250, "dev": 250}
MOST_ENTRIES = 10
MODULES = sorted(path for folder in MOST_LINES for path in (PROJECT / folder).rglob("*.py"))
FOLDERS = sorted({path.parent for folder in (*MOST_LINES, "tests") for path in (PROJECT / folder).rglob("*.py")})


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_is_short(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    assert lines <= SIZES.get(_name(module), MOST_LINES[_name(module).partition("/")[0]])


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_a_folder_has_few_entries(folder: Path) -> None:
    entries = {path.name for path in folder.iterdir() if not path.name.startswith((".", "__init__", "__pycache__"))}
    assert len(entries - {"py.typed"}) <= MOST_ENTRIES
