"""The steps of a run that creates tickets, on bad input: result, log and report."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Param
from auth0_sso.models import Capacity, Outcome, TicketStatus

from include import create_tickets
from include.check_outcome import Exported
from include.fan_out import FanOut, choose_fan_out
from include.files import ChangedFileError, make_private
from include.folders import absolute
from include.params import CREATE_PARAMS
from include.prospects import ProspectsError, load_prospects, read_rows
from tests.support.forecasts import forecast_of
from tests.support.prospects import run_params
from tests.unit.include.prospects.inputs import csv_of

TWO_ROWS = "organization_id\norg_1\norg_2\n"
RUN = SimpleNamespace(dag_id="create_sso_tickets", run_id="manual__1", start_date=None)


def run_without_sending(text: str, folder: Path, on_invalid_rows: str = "skip") -> tuple[list[Any], Exported]:
    """Take a CSV through all steps but the requests; return the plan and what the export returned."""
    loaded = create_tickets.load(None, folder, run_params(prospects_csv=text))
    found = create_tickets.read(Path(loaded.manifest), loaded.sha256, on_invalid_rows=on_invalid_rows)
    batches, planned = create_tickets.plan(found, FanOut(128, ""), forecast_of(), folder)
    rows = read_rows(Path(loaded.manifest), loaded.sha256)
    plan = create_tickets.read_plan(folder, planned.sha256)
    return batches, create_tickets.export(rows, plan, [], [], [], folder, RUN)


def test_a_run_of_only_invalid_rows_fails_before_its_plan_if_on_invalid_rows_is_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(create_tickets.InvalidRowsError) as error, caplog.at_level(logging.INFO):
        run_without_sending("organization_id\n" + "bad id\n" * 1_000, tmp_path, on_invalid_rows="fail")
    lines = str(error.value).splitlines()
    assert lines[0] == "1000 rows are invalid and on_invalid_rows is 'fail', so nothing is sent:"
    assert lines[1].startswith("row 1, line 2, column organization_id, value 'bad id': ")
    assert lines[-2:] == ["… and 980 more", "Fix them in the file, or set on_invalid_rows to 'skip'."]
    assert not (tmp_path / "plan").exists()
    assert len(caplog.messages) == 20


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    hour, one = 3600.0, 1.0  # as they come from JSON; the parameters' schema takes them for integers
    assert Param(**CREATE_PARAMS["ttl_sec"]).resolve(hour) is hour
    loaded = create_tickets.load(None, tmp_path, run_params(prospects_csv=TWO_ROWS, ttl_sec=hour))
    assert (loaded.valid, loaded.invalid) == (2, 0)
    found = create_tickets.read(Path(loaded.manifest), loaded.sha256)
    assert [type(prospect.body["ttl_sec"]) for prospect in found.valid] == [int, int]
    fan_out = choose_fan_out(2, 2, Capacity(4, 1.0), given=one, max_map_length=1024)
    assert len(create_tickets.plan(found, fan_out, forecast_of(), tmp_path)[0]) == 1


@pytest.mark.parametrize("text", ["organization_id\n", "organization_id\n\n,\n", "\ufeff\n\n"])
def test_an_input_without_rows_fails_the_run_and_leaves_no_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProspectsError, match=r"has no rows: .* organization_id,organization_name,|is empty"):
        create_tickets.load(None, tmp_path / "run", run_params(prospects_csv=text))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("escape", ["\x1b[31m", "\u202e", "\r\nINFO all is well", "\u2028"])
def test_the_log_of_a_bad_row_has_no_control_character(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, escape: str
) -> None:
    name = f"Ac{escape}me"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"{name}.csv").write_text(
        csv_of(["organization_id", "organization_name", "domains"], [name, name, name], ["org_1", name, f'["{name}"]']),
        newline="",
    )
    (folder / f"empty {name}.csv").write_text("organization_id\n")
    with caplog.at_level(logging.INFO, logger="include.create_tickets"):
        loaded = create_tickets.load(folder, tmp_path / "run", run_params())
    assert (loaded.valid, loaded.invalid) == (0, 2)
    assert len(caplog.messages) == 3
    assert not [message for message in caplog.messages if not message.isprintable()]


@pytest.mark.parametrize("uri", ["~nobody-of-that-name/in.csv", "../in.csv", "in\x00.csv"])
def test_a_path_without_a_file_is_named(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ProspectsError, match=r"^prospects_uri '.*' (does not exist|can't be read)"):
        create_tickets.load(Path(absolute(uri)), tmp_path / "run", run_params())


def test_the_plan_counts_what_was_found_and_what_is_expected_in_one_line_of_the_log(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "organization_id,prospect_name\norg_1,Ada\norg_1,Bob\norg_2,Cat\norg 3,Dan\n"
    found = load_prospects(None, text=text)
    assert len(found.warnings) == 1
    expected = forecast_of(revocations=["row 2: …"], warnings=["row 3: …", "row 4: …"])
    with caplog.at_level(logging.INFO):
        _, plan = create_tickets.plan(found, FanOut(1, "one slot"), expected, tmp_path, 7)
    assert plan == create_tickets.Plan(
        prospects=4,
        organizations=2,
        invalid=1,
        create=2,
        edit=0,
        reuse=1,
        replace=1,
        finished=0,
        conflict=0,
        revocations=1,
        requests=4,
        mapped_tasks=1,
        fan_out="one slot",
        seconds=None,
        links_not_in_ledger=7,
        warnings=3,
        sha256=plan.sha256,
    )
    *warnings, line = caplog.messages
    assert warnings == ["row 3: …", "row 4: …"]
    assert line == (
        "The plan: prospects 4, organizations 2, invalid 1, create 2, edit 0, reuse 1, replace 1, finished 0, "
        "conflict 0, revocations 1, requests 4, mapped_tasks 1, fan_out one slot, seconds None, "
        "links_not_in_ledger 7, warnings 3"
    )


class TestReplaceLimit:
    PARAMS = {"replace_limit": 2, "on_existing": "reuse", "require_approval": False, "dry_run": False}  # noqa: RUF012
    LINES = [f"row {row}: a valid link" for row in range(1, 26)]  # noqa: RUF012

    @pytest.mark.answers("more valid links would be revoked than `replace_limit`")
    def test_more_valid_links_than_it_are_not_revoked_and_the_first_are_listed(self) -> None:
        with pytest.raises(create_tickets.ReplaceLimitError) as error:
            create_tickets.require_few_revocations(self.LINES, self.PARAMS)
        lines = str(error.value).splitlines()
        assert lines[0].endswith("that would be revoked: 25. replace_limit: 2.")
        assert lines[1:21] == self.LINES[:20]
        assert lines[21] == "… and 5 more"
        assert lines[22].startswith("So nothing was sent.")
        assert "require_approval" in lines[22]

    @pytest.mark.answers("more valid links would be revoked than `replace_limit`")
    @pytest.mark.parametrize("name", ["require_approval", "dry_run"])
    def test_before_an_approval_and_in_a_dry_run_they_are_a_warning(
        self, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        create_tickets.require_few_revocations(self.LINES, {**self.PARAMS, name: True})
        assert "would be revoked" in caplog.text

    @pytest.mark.parametrize(
        ("lines", "changes"),
        [(2, {}), (0, {"replace_limit": 0}), (25, {"replace_limit": None}), (25, {"on_existing": "reissue"})],
    )
    def test_all_else_passes_and_the_log_names_them(
        self, lines: int, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        create_tickets.require_few_revocations(self.LINES[:lines], {**self.PARAMS, **changes})
        assert ("row 1: a valid link" in caplog.text) is (lines > 0)


def test_the_report_has_the_warnings_of_the_plan_and_the_rows_whose_links_were_replaced(tmp_path: Path) -> None:
    loaded = create_tickets.load(None, tmp_path, run_params(prospects_csv=TWO_ROWS))
    found = create_tickets.read(Path(loaded.manifest), loaded.sha256)
    create_tickets.plan(found, FanOut(1, ""), forecast_of(warnings=["row 2: another link"]), tmp_path)
    outcomes = [Outcome(row=row, status=TicketStatus.CREATED) for row in (1, 2)]
    rows = read_rows(Path(loaded.manifest), loaded.sha256)
    plan = create_tickets.read_plan(tmp_path, None)
    summary = create_tickets.export(rows, plan, outcomes, [2], [], tmp_path, RUN).summary
    assert summary["warnings"] == ["row 2: another link"]
    assert (summary["tenant"], summary["replaced"], summary["replaced_rows"]) == ("acme.example.com", 1, [2])
    assert "1 row with a new link in place of a valid one" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("has_default", [True, False])
def test_the_plan_warns_of_rows_without_clients_unless_the_run_or_the_connection_has_some(
    tmp_path: Path, has_default: bool, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_prospects(None, text="organization_id,enabled_clients\norg_1,\norg_2,c1\n")
    make_private(tmp_path)
    create_tickets.plan(found, FanOut(1, ""), forecast_of(has_default_clients=has_default), tmp_path)
    warnings = create_tickets.read_plan(tmp_path, None).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ([] if has_default else ["row 1"])
    assert ("Enable Connection" in caplog.text) is not has_default


def test_a_plan_that_somebody_has_changed_is_not_taken(tmp_path: Path) -> None:
    make_private(tmp_path)
    found = load_prospects(None, text="organization_id\norg_1\n")
    _, planned = create_tickets.plan(found, FanOut(1, ""), forecast_of(), tmp_path)
    file = tmp_path / "plan" / "plan.json"
    assert create_tickets.read_plan(tmp_path, planned.sha256).tenant == "acme.example.com"
    file.write_text(file.read_text().replace("acme", "evil"))
    with pytest.raises(ChangedFileError, match=r"plan\.json is not as plan_fan_out wrote it"):
        create_tickets.read_plan(tmp_path, planned.sha256)


def test_without_a_plan_the_report_knows_no_tenant(tmp_path: Path) -> None:
    assert create_tickets.read_plan(tmp_path, None) == create_tickets.PlanForReport()


def test_what_the_export_returns_names_the_first_rows_that_failed_and_why(tmp_path: Path) -> None:
    loaded = create_tickets.load(
        None, tmp_path, run_params(prospects_csv="\n".join(["organization_id", *(f"org_{n}" for n in range(9))]))
    )
    statuses = [TicketStatus.CREATED] * 2 + [TicketStatus.FAILED] * 6
    outcomes = [Outcome(row=row, status=status, error=f"no {row}") for row, status in enumerate(statuses, 1)]
    rows = read_rows(Path(loaded.manifest), loaded.sha256)
    exported = create_tickets.export(rows, create_tickets.PlanForReport(), outcomes, [], [], tmp_path, RUN)
    assert exported.errors == [f"row {row}: no {row}" for row in range(3, 8)]
