"""
``python -m dev.layout FOLDER``: lay the project out for an Airflow that has no project folder.

``FOLDER/dags`` gets the DAG files. ``FOLDER/plugins`` gets everything else, because Airflow puts this folder on the
import path of all its processes, the api-server's too. The provider's wheel lies there as well: it adds the connection
type *Auth0* where it is installed. ``FOLDER/plugins.zip`` has the same contents, as Amazon MWAA takes them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
_SOURCE_ONLY = shutil.ignore_patterns("__pycache__", "*.egg-info")


def lay_out(folder: Path) -> None:
    """
    Lay the project out into a new folder.

    :raises FileExistsError: if there is such a folder or file already.
    """
    folder.mkdir(parents=True)
    plugins = folder / "plugins"
    shutil.copytree(PROJECT / "dags", folder / "dags", ignore=_SOURCE_ONLY)
    shutil.copytree(PROJECT / "plugins", plugins, ignore=_SOURCE_ONLY)
    shutil.copytree(PROJECT / "include", plugins / "include", ignore=_SOURCE_ONLY)
    build_wheel(plugins)
    shutil.make_archive(str(plugins), "zip", plugins)


def build_wheel(folder: Path) -> None:
    """Build the provider's wheel into a folder, from a copy of its sources, since a build leaves files beside them."""
    with tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary)
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(PROJECT / file, sources)
        shutil.copytree(PROJECT / "plugins" / "auth0_sso", sources / "plugins" / "auth0_sso", ignore=_SOURCE_ONLY)
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        command = (sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(sources))
        subprocess.run(command, check=True)  # noqa: S603


def main() -> int:
    """Lay the project out into the folder that the command line names; return the exit code."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("Usage: python -m dev.layout FOLDER", file=sys.stderr)
        return 2
    try:
        lay_out(Path(sys.argv[1]))
    except FileExistsError:
        print(f"{sys.argv[1]} exists already: name a new folder.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
