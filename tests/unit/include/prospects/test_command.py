"""``python -m include.prospects``: messages, exit codes, and lines for another process."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import time_machine
from auth0_sso.models import HIDDEN_CHARACTERS

from include.prospects import ProspectsError, describe_columns, load_prospects, read_lines, template_csv, template_xlsx
from include.prospects.__main__ import main
from include.prospects.table import sources

PROJECT = Path(__file__).parents[4]
BAD_ROWS = PROJECT / "tests" / "support" / "bad_rows.csv"
SAMPLE = PROJECT / "include" / "data" / "prospects.csv"
HEADER = "organization_id,ttl_sec\n"


def check(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the check in a process of its own."""
    command = [sys.executable, "-m", "include.prospects", "check", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, input=stdin, capture_output=True, check=False)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    return content


def test_a_good_file_is_a_summary_and_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SAMPLE)]) == 0
    assert capsys.readouterr().out == "rows: 12, valid: 12, invalid: 0, organizations: 8\n"


def test_rows_without_clients_are_named_unless_the_run_has_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("organization_id,enabled_clients\norg_1,\norg_2,a1B2c3\n")
    assert main(["check", str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().out.startswith("Warning: row 1: without enabled_clients, ")
    assert main(["check", str(tmp_path / "a.csv"), "--enabled-clients", "a1B2c3;d4E5f6"]) == 0
    assert "Warning" not in capsys.readouterr().out
    assert main(["check", str(tmp_path / "a.csv"), "--enabled-clients", " , ;"]) == 0
    assert capsys.readouterr().out.startswith("Warning: row 1: without enabled_clients, ")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_connections_second_link_is_refused_on_request(options: list[str]) -> None:
    content = b"organization_id,prospect_email\norg_1,a@acme.example\norg_1,b@acme.example\n"
    assert check("-", *options, stdin=content).returncode == 0
    assert check("-", *options, "--one-link-per-connection", stdin=content).returncode == 1


def test_invalid_rows_are_named_with_the_messages_of_the_dag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(BAD_ROWS), "--enabled-clients", "a1B2c3"]) == 1
    *problems, summary = capsys.readouterr().out.splitlines()
    assert problems == [str(problem) for row in load_prospects(BAD_ROWS).invalid for problem in row.problems]
    assert summary == "rows: 39, valid: 6, invalid: 33, organizations: 6"


def test_of_several_files_each_problem_names_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "org_1,\n")
    (tmp_path / "b.csv").write_text(HEADER + "org_2,soon\n")
    (tmp_path / "c.csv").write_text(HEADER)
    assert main(["check", str(tmp_path), "--enabled-clients", "a1B2c3"]) == 1
    problem, warning, _summary = capsys.readouterr().out.splitlines()
    assert problem.startswith("b.csv: row 2, line 2, column ttl_sec, value 'soon': ")
    assert warning == "Warning: c.csv: has a header, but no rows"


def test_an_input_that_cannot_be_used_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "gone.csv")]) == 2
    assert main(["check", str(SAMPLE), "--ttl-sec", "432001"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "gone.csv' does not exist" in printed.err
    assert "ttl_sec 432001: must be 0 to 432000 seconds" in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["check", "a.csv", "--ttl-sec", "soon"],
        ["check", "a.csv", "--enabled-clients", "NULL"],
        ["export"],
    ],
)
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


@pytest.mark.parametrize("content", [SAMPLE.read_bytes(), BAD_ROWS.read_bytes()], ids=["valid", "invalid"])
def test_another_process_reads_the_same_prospects_from_the_lines(content: bytes) -> None:
    done = check("-", "--name", SAMPLE.name, "--ttl-sec", 3600, "--json", stdin=content)
    found = read_lines(done.stdout.splitlines())
    assert done.returncode == (1 if found.invalid else 0)
    assert done.stderr == b""
    assert {row.source for row in found.rows()} == {"prospects.csv"}
    assert {row.body["ttl_sec"] for row in found.valid} >= {3600}


def test_another_process_learns_why_an_input_cannot_be_used() -> None:
    done = check("-", "--name", "a.csv", "--json", stdin=b"organization_id,domian\norg_1,\n")
    assert done.returncode == 2
    with pytest.raises(ProspectsError) as error:
        read_lines(done.stdout.splitlines())
    assert error.value.problems == ["a.csv: unknown column 'domian': did you mean 'domains'?"]


def test_too_large_a_stream_is_refused(
    stdin: io.BytesIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000)
    stdin.write(HEADER.encode() + b"x" * 1_000)
    stdin.seek(0)
    assert main(["check", "-"]) == 2
    assert "divide it among several runs" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_cell_and_no_name_lets_control_characters_through_to_the_terminal(
    tmp_path: Path, options: list[str]
) -> None:
    escape = "\x1b]0;a\x07\x9b31m\u202e"
    (tmp_path / f"{escape}.csv").write_text(f"organization_id,ttl_sec,domains\norg_{escape},{escape},{escape}\n")
    (tmp_path / "b.csv").write_text(HEADER)
    for content in (f"organization_id,{escape}\n", f"{escape}\n", f'organization_id\n"{escape}\n'):
        done = check("-", "--name", f"{escape}.csv", *options, stdin=content.encode())
        assert done.returncode == 2
        assert not HIDDEN_CHARACTERS.search((done.stdout + done.stderr).decode().replace("\n", ""))
    done = check(tmp_path, *options)
    assert done.returncode == 1
    assert not HIDDEN_CHARACTERS.search((done.stdout + done.stderr).decode().replace("\n", ""))


def test_a_file_of_another_kind_does_not_show_its_secrets() -> None:
    for options in ([], ["--json"]):
        done = check("-", *options, stdin=b"s3cr3t-client-id,s3cr3t-client-secret\ns3cr3t-a,s3cr3t-b\n")
        assert done.returncode == 2
        assert b"s3cr3t" not in done.stdout + done.stderr


def test_a_check_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, include.prospects.__main__; print({'pandas', 'numpy', 'openpyxl', 'airflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def members_of(xlsx: bytes) -> dict[str, bytes]:
    """Return the files in a workbook, without the times at which they were packed."""
    with ZipFile(io.BytesIO(xlsx)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@time_machine.travel("2026-01-01", tick=False)  # an XLSX says when it was made
def test_the_template_goes_to_standard_output_or_to_a_new_file(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["template"]) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == template_csv()
    file = tmp_path / "template.xlsx"
    assert main(["template", "--xlsx", "-o", str(file)]) == 0
    assert members_of(file.read_bytes()) == members_of(template_xlsx())


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text("my rows")
    assert main(["template", "-o", str(tmp_path / "mine.csv")]) == 2
    assert (tmp_path / "mine.csv").read_text() == "my rows"
    assert "mine.csv can't be written: File exists" in capsys.readouterr().err


def test_all_columns_are_described_for_a_person_and_for_a_program(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["columns", "--json"]) == 0
    sys.stdout.flush()
    described = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [column["name"] for column in described] == [column.name for column in describe_columns()]
    assert main(["columns"]) == 0
    sys.stdout.flush()
    text = capfdbinary.readouterr().out.decode()
    assert "ttl_sec  (whole number: 0 to 432000)\n" in text
    assert all(column.explanation in text and column.example in text for column in describe_columns())
