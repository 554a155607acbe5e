"""Only the owner may read a run's files, from the moment they exist, whatever the umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from auth0_sso.models import IssuedTicket
from upath import UPath

from include import create_tickets, revoke_tickets
from include.fan_out import FanOut
from include.files import make_private, write_private
from include.prospects import read_rows
from tests.support.forecasts import forecast_of
from tests.support.prospects import run_params

CSV = "organization_id,prospect_name\norg_1,Ada\norg_2,Grace\n"
RUN = SimpleNamespace(dag_id="create_sso_tickets", run_id="run", start_date=None)


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077], ids="umask {:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes_under(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def create(folder: Path) -> None:
    loaded = create_tickets.load(None, folder, run_params(prospects_csv=CSV))
    found = create_tickets.read(Path(loaded.manifest), loaded.sha256)
    _, planned = create_tickets.plan(found, FanOut(2, ""), forecast_of(), folder)
    rows = read_rows(Path(loaded.manifest), loaded.sha256)
    plan = create_tickets.read_plan(folder, planned.sha256)
    create_tickets.export(rows, plan, [], [], [], folder, RUN)


def revoke(folder: Path) -> None:
    revoke_tickets.plan([IssuedTicket("a", 1.0), IssuedTicket("b", 2.0)], [], FanOut(2, ""), folder)
    revoke_tickets.export([], [], folder, RUN)


@pytest.mark.parametrize("steps", [create, revoke])
@pytest.mark.parametrize("times", [1, 2], ids=["once", "written again"])
def test_only_the_owner_may_read_the_files_of_a_run(tmp_path: Path, steps: Callable[[Path], None], times: int) -> None:
    folder = tmp_path / "reports" / "dag" / "run"
    for _ in range(times):
        steps(folder)
    modes = modes_under(tmp_path)
    folders = {"reports", "reports/dag", "reports/dag/run", "reports/dag/run/plan"}
    assert len(modes) > len(folders) + 4
    assert modes == {name: 0o700 if name in folders else 0o600 for name in modes}


def test_files_that_others_could_read_become_private(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    create(folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777)
    create(folder)
    assert set(modes_under(tmp_path).values()) == {0o700, 0o600}


def test_a_file_is_private_from_its_creation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        pytest.fail("the file is private only after its creation")

    folder = tmp_path / "run"
    make_private(folder)
    monkeypatch.setattr(os, "chmod", forbidden)
    monkeypatch.setattr(os, "fchmod", forbidden)
    seen: list[dict[str, int]] = []

    def content() -> Iterator[bytes]:
        yield b"part"
        seen.append(modes_under(folder))

    write_private(folder, "file", content())
    assert [list(modes.values()) for modes in seen] == [[0o600]]
    assert modes_under(tmp_path) == {"run": 0o700, "run/file": 0o600}


def test_a_missing_folder_is_private_from_its_creation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    make_private(tmp_path / "reports" / "run")
    assert modes_under(tmp_path) == {"reports": 0o700, "reports/run": 0o700}


def test_an_existing_parent_keeps_its_permissions(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    make_private(shared / "run")
    assert modes_under(tmp_path) == {"shared": 0o755, "shared/run": 0o700}


@pytest.mark.parametrize("kind", [Path, lambda path: UPath(f"file://{path}")], ids=["path", "uri"])
def test_a_write_that_fails_leaves_the_older_file_and_no_partial_one(
    tmp_path: Path, kind: Callable[[Path], Path]
) -> None:
    def no_space() -> Iterator[bytes]:
        yield b"new"
        raise OSError("no space left on device")

    write_private(kind(tmp_path), "tickets.csv", [b"older"])
    with pytest.raises(OSError, match="no space"):
        write_private(kind(tmp_path), "tickets.csv", no_space())
    assert [path.name for path in tmp_path.iterdir()] == ["tickets.csv"]
    assert (tmp_path / "tickets.csv").read_bytes() == b"older"
