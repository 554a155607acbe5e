"""Where a run's files are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from include.files import UnsharedFolderError
from include.folders import relative_folder, run_folder

RUN = SimpleNamespace(dag_id="create_sso_tickets", run_id="run", start_date=None)
# /dev is mounted on each machine, as a volume is in a pod.
ON_ROOT_DISK, ON_A_VOLUME = Path("/no/such/reports"), Path("/dev/no/such/reports")


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
def test_a_runs_folder_has_its_name(run_id: str, name: str) -> None:
    assert relative_folder("create_sso_tickets", run_id) == f"create_sso_tickets/{name}"


def test_runs_whose_names_differ_only_in_replaced_characters_have_different_folders() -> None:
    runs = ["x:1", "x_1", "x~1", "T00:00:00+00:00", "T00_00_00+00_00", "T00:00_00+00:00", "", "_", ".", "..", "a/b"]
    runs += [relative_folder("d", run).removeprefix("d/") for run in ("x:1", "x" * 300)]
    runs += ["x" * 300 + "1", "x" * 300 + "2"]
    assert len({relative_folder("d", run) for run in runs}) == len(runs)


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_name_leaves_the_base_or_is_too_long(dag_id: str, run_id: str) -> None:
    folder = Path("/base") / relative_folder(dag_id, run_id)
    assert folder.parent.parent == Path("/base")
    assert 1 <= len(folder.name) <= 200
    assert folder.name not in (".", "..")


@pytest.mark.parametrize("base", [ON_ROOT_DISK, ObjectStoragePath(f"file://{ON_ROOT_DISK}")], ids=["path", "file URI"])
def test_a_pod_of_the_kubernetes_executor_refuses_a_folder_on_its_own_disk(
    monkeypatch: pytest.MonkeyPatch, base: Path
) -> None:
    assert str(run_folder(base, RUN)).endswith("/no/such/reports/create_sso_tickets/run")
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    with pytest.raises(UnsharedFolderError, match="/no/such/reports, is on this pod's own disk"):
        run_folder(base, RUN)


@pytest.mark.parametrize("base", [ON_A_VOLUME, ObjectStoragePath("memory://bucket/reports")], ids=["volume", "storage"])
def test_a_pod_takes_a_volume_or_object_storage(monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    assert run_folder(base, RUN) == base / "create_sso_tickets" / "run"
