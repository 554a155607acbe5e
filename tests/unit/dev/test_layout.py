"""The project runs where there is no project folder: laid out by one command, in an environment without its sources."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dev.layout import lay_out, main
from dev.local.tenant import connection_env
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from include import reports

PROJECT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
SAMPLE_ROWS = 12

# What the plugin loader has executed; then what the api-server imports for the pages.
LOAD_PLUGINS = """
import json, sys
from pathlib import Path
from airflow import plugins_manager

folder = Path(sys.argv[1])
plugins = plugins_manager.get_plugin_info(["name"])
files = {name: Path(getattr(module, "__file__", None) or "/") for name, module in sys.modules.items()}
executed = [name for name, file in files.items() if folder in file.parents]
from sso_ui.app import app
import auth0_sso, include
print(json.dumps({
    "plugins": [plugin["name"] for plugin in plugins],
    "errors": plugins_manager.get_import_errors(),
    "executed": executed,
    "pages": len(app.routes),
    "auth0_sso": auth0_sso.__file__,
    "include": include.__file__,
}))
"""

DAGS = ("create_sso_tickets", "follow_sso_setups", "mail_sso_tickets", "revoke_sso_tickets")

# What a scheduler reads from Airflow's database.
READ_DAGS = """
import json, sys
from airflow.models.dagbag import DBDagBag
from airflow.utils.session import create_session

with create_session() as session:
    read = [DBDagBag().get_latest_version_of_dag(dag_id, session=session) for dag_id in sys.argv[1:]]
print(json.dumps({"tasks": sum(len(dag.tasks) for dag in read), "provider": "auth0_sso" in sys.modules}))
"""


@dataclass(frozen=True)
class Platform:
    """An Airflow with what ``requirements.txt`` names, and nothing that leads to this project's folder."""

    folder: Path

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    def install(self, *what: str) -> None:
        # Symbolic links into uv's cache, where 'make setup' has put all of it: two seconds, and no copy.
        options = ["--quiet", "--link-mode", "symlink", "--python", self.environment / "bin" / "python"]
        subprocess.run([UV, "pip", "install", *options, *what], check=True)

    def run(self, layout: Path, program: str, *arguments: str, **env: str) -> str:
        """Run a program of the environment with a layout, and return what it prints."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        settings = {
            "PATH": f"{self.environment / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(layout / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        }
        command = [self.environment / "bin" / program, *arguments]
        done = subprocess.run(command, cwd=home, env={**settings, **env}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    made = Platform(tmp_path_factory.mktemp("platform"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.environment], check=True)
    made.install("--require-hashes", "-r", str(PROJECT / "requirements.lock"))
    return made


@pytest.fixture(scope="module")
def layout(platform: Platform) -> Path:
    folder = platform.folder / "layout"
    lay_out(folder)
    platform.run(folder, "airflow", "db", "migrate")
    return folder


def test_the_plugin_loader_executes_the_plugin_alone_and_the_pages_are_importable(
    platform: Platform, layout: Path
) -> None:
    plugins = layout / "plugins"
    loaded = json.loads(platform.run(layout, "python", "-c", LOAD_PLUGINS, str(plugins)).splitlines()[-1])
    assert (loaded["plugins"], loaded["errors"]) == (["sso_tickets"], {})
    assert loaded["executed"] == ["sso_tickets_plugin"]
    assert loaded["pages"] > 10
    assert {Path(loaded[name]).parents[1] for name in ("auth0_sso", "include")} == {plugins}


def test_the_archive_has_what_the_folder_has(layout: Path) -> None:
    plugins = layout / "plugins"
    with zipfile.ZipFile(layout / "plugins.zip") as archive:
        files = {name for name in archive.namelist() if not name.endswith("/")}
    there = {path.relative_to(plugins).as_posix() for path in plugins.rglob("*") if path.is_file()}
    assert files == {name for name in there if not name.endswith(".pyc")}
    assert {".airflowignore", "include/prospects/__main__.py", "include/data/prospects.csv"} <= files


def test_both_dags_load_with_include_beside_them_and_no_other_file_is_parsed(
    platform: Platform, layout: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "layout"
    shutil.copytree(layout, moved)
    (moved / "plugins" / "include").rename(moved / "dags" / "include")
    parsed = json.loads(platform.run(moved, "airflow", "dags", "report", "--output", "json").splitlines()[-1])
    dags = {Path(file["file"]).name: file["dags"] for file in parsed}
    assert dags == {f"{name}.py": [name] for name in DAGS}


def test_a_scheduler_without_the_plugins_reads_the_dags(platform: Platform, layout: Path, tmp_path: Path) -> None:
    platform.run(layout, "airflow", "dags", "reserialize")
    read = platform.run(tmp_path, "python", "-c", READ_DAGS, *DAGS)
    assert json.loads(read.splitlines()[-1]) == {"tasks": 17, "provider": False}


def test_a_run_creates_every_ticket_with_the_providers_wheel_installed(platform: Platform, layout: Path) -> None:
    platform.install("--no-deps", *map(str, (layout / "plugins").glob("*.whl")))
    reports_folder = platform.folder / "reports"
    with Sandbox(SandboxSettings(latency=(0, 0), plan="enterprise")) as tenant:
        connection = connection_env(tenant.url, tenant.settings, requests_per_slot=16, burst_per_slot=12)
        platform.run(
            layout,
            "airflow",
            *("dags", "test", "create_sso_tickets", "--conf", '{"max_mapped_tasks": 2}'),
            AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode(),
            AIRFLOW_VAR_AUTH0_MANAGEMENT_API_SLOTS="2 slots",
            SSO_TICKETS_REPORTS=str(reports_folder),
            **connection,
        )
        assert tenant.stats().tickets == SAMPLE_ROWS
    [tickets] = reports_folder.rglob("tickets.csv")
    assert [row.status for row in reports.read_tickets(tickets)] == ["created"] * SAMPLE_ROWS


def test_a_folder_that_exists_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["layout", str(tmp_path)])
    assert main() == 1
    assert "exists already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
