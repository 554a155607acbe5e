"""The folder of a run's report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.reports import run_folder


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        ("scheduled__2026-01-01T00:00:00+00:00", "scheduled__2026-01-01T00_00_00+00_00"),
        ("manual__2026-01-01T00:00:00.123456+00:00_aB3", "manual__2026-01-01T00_00_00.123456+00_00_aB3"),
        ("manual__a@b=c.d", "manual__a@b=c.d"),
        ("x_1", "x_1"),
        ("x:1", "x_1-0b788078937c4c6e"),
    ],
)
def test_a_runs_folder_has_its_name(tmp_path: Path, run_id: str, name: str) -> None:
    assert run_folder(tmp_path, "create_sso_tickets", run_id) == tmp_path / "create_sso_tickets" / name


def test_runs_whose_names_differ_only_in_replaced_characters_have_different_folders() -> None:
    runs = ["x:1", "x_1", "x~1", "T00:00:00+00:00", "T00_00_00+00_00", "T00:00_00+00:00", "", "_", ".", "..", "a/b"]
    runs += [run_folder(Path("b"), "d", run).name for run in ("x:1", "x" * 300)]
    runs += ["x" * 300 + "1", "x" * 300 + "2"]
    assert len({run_folder(Path("b"), "d", run) for run in runs}) == len(runs)


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_name_leaves_the_base_or_is_too_long(dag_id: str, run_id: str) -> None:
    folder = run_folder(Path("/base"), dag_id, run_id)
    assert folder.parent.parent == Path("/base")
    assert 1 <= len(folder.name) <= 200
    assert folder.name not in (".", "..")
