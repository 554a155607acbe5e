"""A run as a whole: its own folder, and whether it is complete."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import ObjectStoragePath

from include.files import UnsharedFolderError
from include.run import IncompleteRunError, choose_fan_out, first_errors, require_complete, run_folder

RUN = SimpleNamespace(dag_id="create_sso_tickets", run_id="run", start_date=None)
# /dev is mounted on each machine, as a volume is in a pod.
ON_ROOT_DISK, ON_A_VOLUME = Path("/no/such/reports"), Path("/dev/no/such/reports")


def exported(failed: int, not_attempted: int, incomplete_rows: list[int]) -> dict[str, object]:
    counts = {"rows": 99, "failed": failed, "not_attempted": not_attempted, "incomplete_rows": incomplete_rows}
    return {"report_uri": "s3://bucket/run", "summary": counts, "errors": ["row 3: refused", "row 7: too long"]}


def test_a_run_with_incomplete_rows_fails_and_names_them_and_the_remedy() -> None:
    with pytest.raises(IncompleteRunError) as error:
        require_complete(exported(2, 0, [3, 7]), "Fix these rows in the CSV.")
    assert str(error.value) == (
        "2 failed of 99 rows: the report says why, row by row: s3://bucket/run (rows 3, 7). Fix these rows in the CSV. "
        "Then clear the failed tasks or trigger another run: rows that are done are not done again.\n"
        "row 3: refused\nrow 7: too long"
    )
    with pytest.raises(IncompleteRunError, match=r"^1 failed and 2 not attempted of 99 rows: .*\(rows 3, 7, …\)"):
        require_complete(exported(1, 2, [3, 7]))
    require_complete(exported(0, 0, []))


def test_a_run_without_a_report_fails() -> None:
    with pytest.raises(IncompleteRunError, match="There is no report"):
        require_complete(None)


def test_the_first_five_errors_are_kept_short_and_on_one_line_each() -> None:
    errors = first_errors((f"row {number}", f"{number}\n" + "x" * 1000) for number in range(1, 10_000))
    assert [error[:11] for error in errors] == [f"row {number}: {number}\\nx" for number in range(1, 6)]
    assert max(map(len, errors)) < 320


@pytest.mark.parametrize(
    ("organizations", "requests", "slots", "rate", "tasks"),
    [
        (40, 40, 4, 4.0, 40),  # few: each is shown by name
        (50, 5_000, 2, 1.0, 50),
        (51, 51, 4, 4.0, 4),  # one for each slot
        (100, 100, 2, 1.25, 2),
        (1_000, 1_000, 4, 4.0, 4),
        (1_000, 0, 4, 4.0, 4),
        (10_000, 10_000, 4, 4.0, 32),  # 625 seconds: eight tasks of 78 seconds for each slot
        (60, 60, 100, 1.0, 60),  # more slots than organizations
        (90, 9_000, 4, 4.0, 28),
        (100_000, 100_000, 16, 1.0, 1_024),  # no more than Airflow maps
        (100, 100, 0, 1.0, 16),  # the slots are not known
        (0, 0, 4, 4.0, 1),
    ],
)
def test_the_fewest_tasks_that_keep_every_slot_busy(
    organizations: int, requests: int, slots: int, rate: float, tasks: int
) -> None:
    assert choose_fan_out(organizations, requests, slots, rate, given=None, longest=1_024).tasks == tasks


@pytest.mark.parametrize(
    ("organizations", "requests", "slots", "given", "reason"),
    [
        (7, 7, 4, None, "each has a task of its own"),
        (60, 60, 60, None, "each has a task of its own"),
        (99, 99, 4, None, "one for each slot of the pool, which has 4 slots"),
        (9_999, 9_999, 4, None, "8 for each slot of the pool, which has 4 slots"),
        (99, 99, 0, None, "one for each slot of the pool, which has an unknown number of slots"),
        (99, 99, 4, 8.0, "at most max_mapped_tasks"),
    ],
)
def test_why_there_are_so_many_tasks_is_said(
    organizations: int, requests: int, slots: int, given: float | None, reason: str
) -> None:
    assert choose_fan_out(organizations, requests, slots, 4.0, given=given, longest=1_024).reason == reason


def test_tickets_to_revoke_have_no_names_to_show() -> None:
    assert choose_fan_out(40, 40, 4, 4.0, given=None, longest=1_024, few=0).tasks == 4
    assert choose_fan_out(3, 3, 4, 4.0, given=None, longest=1_024, few=0).tasks == 3


def test_more_mapped_tasks_than_airflow_maps_are_refused_with_the_number() -> None:
    assert choose_fan_out(9, 9, 4, 4.0, given=1_024, longest=1_024).tasks == 1_024
    with pytest.raises(ValueError, match=r"max_mapped_tasks is 1025.*at most 1024.*Lower max_mapped_tasks to 1024"):
        choose_fan_out(9, 9, 4, 4.0, given=1_025, longest=1_024)


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
