"""From files, folders, object storage and pasted text to prospects; and the sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

import include
from dev.sandbox.api.rules import rule_violation
from dev.sandbox.api.schema import schema_violation
from include.prospects import ProspectsError, clients_warning, load, load_prospects

SAMPLE = Path(include.__file__).parent / "data" / "prospects.csv"
HEADER = "organization_id,prospect_email\n"


@pytest.fixture(params=["{}", "file://{}", "memory://inputs{}"], ids=["path", "file", "object storage"])
def folder(request, tmp_path):
    path = UPath(request.param.format(tmp_path))
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_the_sample_is_twelve_valid_prospects_of_eight_organizations():
    loaded = load_prospects(SAMPLE)
    assert (len(loaded.valid), loaded.invalid, loaded.warnings) == (12, [], [])
    assert len({prospect.organization_id for prospect in loaded.valid}) == 8
    assert len({(prospect.organization_id, prospect.prospect) for prospect in loaded.valid}) == 12
    assert {prospect.source for prospect in loaded.valid} == {"prospects.csv"}


def test_the_samples_links_can_be_finished():
    loaded = load_prospects(SAMPLE)
    assert clients_warning(loaded.valid, has_default=False) == []
    assert len({client for prospect in loaded.valid for client in prospect.body["enabled_clients"]}) == 1
    assert [schema_violation(prospect.body) or rule_violation(prospect.body) for prospect in loaded.valid] == [
        None
    ] * 12


def test_rows_are_numbered_over_all_files_in_the_order_of_their_names(folder):
    (folder / "b.CSV").write_text("organization_id;display_name\norg_3;Three\n")
    (folder / "a.csv").write_text(HEADER + "org_1,a@a.example\n\norg_2,nobody\n")
    (folder / "notes.txt").write_text("not read")
    (folder / "._a.csv").write_bytes(b"\x00\x05\x16\x07")
    loaded = load_prospects(folder)
    assert [(prospect.row, prospect.source) for prospect in loaded.valid] == [(1, "a.csv"), (3, "b.CSV")]
    assert [(invalid.row, invalid.source) for invalid in loaded.invalid] == [(2, "a.csv")]
    loaded = load_prospects(folder / "b.CSV")
    assert [(prospect.row, prospect.source) for prospect in loaded.valid] == [(1, "b.CSV")]


def test_the_problems_of_all_files_come_in_one_error(folder):
    (folder / "a.csv").write_text("organization_id,domian\norg_1,\n")
    (folder / "b.csv").write_text("")
    (folder / "c.csv").write_text(HEADER + "org_1,a@a.example\n")
    (folder / "d.csv").write_text(HEADER + 'org_1,"a@a.example\n')
    with pytest.raises(ProspectsError) as error:
        load_prospects(folder)
    assert [problem.split(":")[0] for problem in error.value.problems] == ["a.csv", "b.csv", "d.csv"]


def test_a_file_without_rows_is_a_warning_among_others_that_have_some(folder):
    (folder / "a.csv").write_text(HEADER)
    (folder / "b.csv").write_text(HEADER + "org_1,a@a.example\n")
    loaded = load_prospects(folder)
    assert len(loaded.valid) == 1
    assert loaded.warnings == ["a.csv: has a header, but no rows"]


def test_pasted_text_wins_over_the_file_unless_it_is_blank():
    loaded = load_prospects(SAMPLE, text="\ufeff" + HEADER + "org_9,a@a.example\r\n")
    assert [(prospect.organization_id, prospect.source) for prospect in loaded.valid] == [("org_9", "prospects_csv")]
    assert len(load_prospects(SAMPLE, text=" \n").valid) == 12


def test_no_input_at_all_is_refused():
    with pytest.raises(ProspectsError, match="set prospects_uri to a file or a folder, or paste"):
        load_prospects(None)


def test_a_thousand_files_are_read_in_order_and_a_thousand_bad_ones_are_counted(tmp_path):
    for number in range(1_000):
        (tmp_path / f"{number:04d}.csv").write_text(f"organization_id\norg_{number}\n")
    loaded = load_prospects(tmp_path)
    assert [(prospect.row, prospect.organization_id) for prospect in loaded.valid] == [
        (number + 1, f"org_{number}") for number in range(1_000)
    ]
    for number in range(1_000):
        (tmp_path / f"{number:04d}.csv").write_text("organisation,nmae\nx,y\n")
    with pytest.raises(ProspectsError) as error:
        load_prospects(tmp_path)
    assert error.value.problems[0].startswith("0000.csv: unknown column 'organisation': did you mean 'organization")
    assert error.value.problems[-1] == "… and 2,900 more problems"
    assert len(error.value.problems) == 101


def test_more_rows_than_a_run_takes_are_refused_once(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "MAX_ROWS", 1_999)
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text("organization_id\n" + "org_1\n" * 1_000)
    with pytest.raises(ProspectsError, match=r"^the input has over 1,999 rows: divide it among several runs$"):
        load_prospects(tmp_path)


def test_a_connection_name_is_refused_across_files_too(folder):
    (folder / "a.csv").write_text("organization_id,connection_name\norg_1,acme\n")
    (folder / "b.csv").write_text("organization_id,organization_name\norg_2,Acme\norg_3,Globex\n")
    loaded = load_prospects(folder)
    assert [str(invalid.problems[0]) for invalid in loaded.invalid] == [
        "row 2, line 2, column connection_name, value 'acme': connection name 'acme' is used by"
        " organization org_1 in row 1 already: set connection_name to another one"
    ]


# An invalid row keeps its name from others: when it is fixed later, it must not take the name away from a ticket.
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("lifetime", ["", "soon"])
def test_rows_in_another_order_take_no_name_away(order, lifetime):
    rows = [f"org_1,Acme,{lifetime}\n", "org_2,ACME!,\n", "org_3,Acme,soon\n"]
    text = "organization_id,organization_name,ttl_sec\n" + "".join(rows[number] for number in order)
    loaded = load_prospects(None, text=text)
    assert [prospect.organization_id for prospect in loaded.valid] == ([] if lifetime else ["org_1"])
    problems = {row.organization_id: [problem.column for problem in row.problems] for row in loaded.invalid}
    assert problems.pop("org_1", ["ttl_sec"]) == ["ttl_sec"]
    assert problems == {"org_2": ["connection_name"], "org_3": ["ttl_sec", "connection_name"]}
    assert [row.row for row in loaded.invalid] == sorted(row.row for row in loaded.invalid)


def test_a_problem_names_the_line_of_the_file():
    text = (
        "organization_id,prospect_name,prospect_email\n"
        "org_1,IT,it@a.example\n"
        "\n"
        ",,\n"
        'org_2,"two\nlines",it@b.example\n'
        "org_3,IT,not an address\n"
    )
    second, third = load_prospects(None, text=text).invalid
    assert [problem.line for problem in (*second.problems, *third.problems)] == [5, 7]
    assert str(second.problems[0]).startswith("row 2, line 5, column prospect_name, value 'two\\nlines': ")
    assert third.error.startswith("row 3, line 7, column prospect_email, value 'not an address': must be")
    (plain,) = load_prospects(None, text="organization_id,ttl_sec\norg_1,soon\n").invalid
    assert plain.error.startswith("row 1, line 2, column ttl_sec, ")


TWO_ADMINS = "organization_id,prospect_email\norg_1,a@a.example\norg_1,b@a.example\norg_1,A@a.example\n"


def test_two_prospects_of_a_connection_both_get_links_unless_one_is_the_limit():
    loaded = load_prospects(None, text=TWO_ADMINS)
    assert len(loaded.valid) == 3
    loaded = load_prospects(None, text=TWO_ADMINS, one_link_per_connection=True)
    assert [prospect.row for prospect in loaded.valid] == [1, 3]
    assert loaded.invalid[0].error == (
        "row 2, line 3, column connection_name, value 'org-1': connection 'org-1' gets its link by row 1, for another"
        " prospect or profile, and one_link_per_connection is set: remove one of the two rows, or set another"
        " connection"
    )
    assert loaded.warnings == []


def test_one_link_is_the_limit_of_a_person_for_one_profile():
    text = (
        "organization_id,organization_name,prospect_email,connection_name,profile_id\n"
        "org_1,Acme,ada@acme.example,,{}\norg_1,,ada@acme.example,acme,{}\n"
    )
    same = load_prospects(None, text=text.format("ssp_1", "ssp_1"), one_link_per_connection=True)
    assert (len(same.valid), same.warnings) == (2, [])
    other = load_prospects(None, text=text.format("ssp_1", "ssp_2"), one_link_per_connection=True)
    assert [row.row for row in other.invalid] == [2]


def test_one_link_is_the_limit_of_a_connection_that_is_edited_too():
    text = "organization_id,prospect_email,connection_id\norg_1,a@a.example,con_1\norg_1,b@a.example,con_1\n"
    loaded = load_prospects(None, text=text, one_link_per_connection=True)
    assert [problem.column for row in loaded.invalid for problem in row.problems] == ["connection_id"]


def test_an_invalid_row_takes_no_link_from_another():
    text = "organization_id,prospect_email,ttl_sec\norg_1,a@a.example,soon\norg_1,b@a.example,\n"
    loaded = load_prospects(None, text=text, one_link_per_connection=True)
    assert [prospect.row for prospect in loaded.valid] == [2]
