"""Files whose columns have other names: mappings, columns that are left out, and what is asked."""

from __future__ import annotations

from typing import Any

import pytest

from include.prospects import Prospects, ProspectsError, ReadOptions, check_contents
from include.prospects.records import FileColumn
from include.prospects.schema.columns import USUAL
from include.prospects.schema.usual_names import proposed_columns
from tests.unit.include.prospects.inputs import csv_of, workbook_of

HEADER = ["Record ID", "Auth0 org", "Account Name", "Website", "E-Mail", "Owner"]
ROW = ["9812", "org_1", "Acme", "https://acme.example/", "it@acme.example", "Jo"]
COLUMNS = {
    "record_id": "",
    "auth0 ORG": "Organization ID",
    "AccountName": "organization_name",
    "website": "domains",
    "e-mail": "prospect_email",
    "owner": "",
}


def check(*rows: list[str], **options: Any) -> Prospects:
    return check_contents([("crm.csv", csv_of(*rows).encode())], ReadOptions(**options))


def refusal_of(*rows: list[str], **options: Any) -> ProspectsError:
    with pytest.raises(ProspectsError) as error:
        check(*rows, **options)
    return error.value


def test_a_mapping_says_what_each_column_is_whatever_the_spelling() -> None:
    (request,) = check(HEADER, ROW, columns=COLUMNS).valid
    assert (request.organization_id, request.organization_name, request.prospect_email) == ("org_1", *ROW[2::2][:2])
    assert request.body["domain_aliases_config"]["pending_domains"] == ["acme.example"]


def test_a_mapping_comes_before_the_names_that_are_known() -> None:
    (request,) = check(
        ["organization_id", "organization_name", "Legal name"],
        ["org_1", "old", "Acme"],
        columns={"organization_name": "", "Legal name": "organization_name"},
    ).valid
    assert request.organization_name == "Acme"


def test_a_header_of_mapped_names_is_found_below_a_title() -> None:
    found = check(["Accounts", "", "", "", "", ""], ["as of today"], HEADER, ROW, columns=COLUMNS)
    assert len(found.valid) == 1
    assert found.warnings[0] == "crm.csv: the header is in line 3, so what stands above it is left out"


def test_of_two_columns_with_nearly_the_same_name_each_has_its_own_entry() -> None:
    header = ["organization_id", "Email", "E-mail", "EMail"]
    columns = {"Email": "prospect_email", "E-mail": "prospect_name", "EMail": ""}
    (request,) = check(header, ["org_1", "it@acme.example", "Ada", "#N/A"], columns=columns).valid
    assert (request.prospect_email, request.prospect_name) == ("it@acme.example", "Ada")


@pytest.mark.parametrize(
    ("columns", "problems"),
    [
        ({**COLUMNS, "Fax": ""}, ["crm.csv: the column 'Fax', which columns names, is missing in the header"]),
        ({**COLUMNS, "owner": "E-Mail"}, ["columns: 'owner' is given 'E-Mail', which is no column"]),
        (
            {**COLUMNS, "owner": "prospect_nam"},
            ["columns: 'owner' is given 'prospect_nam', which is no column: did you mean 'prospect_name'?"],
        ),
        (
            {**COLUMNS, "OWNER": "prospect_name"},
            ["crm.csv: unknown column 'Owner': remove it, rename it, or say what it is in columns"],
        ),
        ({**COLUMNS, "owner": 5}, ["columns: 'owner' must be given the name of a column, or \"\" to leave it out"]),
        (
            {**COLUMNS, "owner": "prospect_email"},
            ["crm.csv: column 'prospect_email' is given 2 times: keep one of them"],
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_an_error(columns: dict[str, Any], problems: list[str]) -> None:
    assert refusal_of(HEADER, ROW, columns=columns).problems == problems


def test_columns_that_are_not_known_are_left_out_if_that_is_wanted() -> None:
    rows = (["organization_id", "Phone", "", "Owner"], ["org_1", "#N/A", "stray", "Jo"], ["org_2", "1", "", "Jo"])
    found = check(*rows, on_unknown_columns="ignore")
    assert (len(found.valid), found.warnings) == (2, ["crm.csv: columns that are left out: 'Phone', 'Owner'"])
    beyond = workbook_of([["organization_id"], ["org_1", "a note"]])
    assert len(check_contents([("a.xlsx", beyond)], ReadOptions(on_unknown_columns="ignore")).valid) == 1
    assert len(check(["⭐\ufe0f Score", "organization_id"], ["5", "org_1"], on_unknown_columns="ignore").valid) == 1
    hidden = refusal_of(["organization_id", "domains\u200b"], ["org_1", "x"], on_unknown_columns="ignore").problems
    assert "has the invisible character U+200B in its name" in hidden[0]
    assert len(check(*rows, columns={"Phone": "", "": "", "owner": ""}).valid) == 2
    assert refusal_of(["Phone", "Owner"], ["1", "Jo"], on_unknown_columns="ignore").problems == [
        "crm.csv: the column 'organization_id' is missing: the header, one of the first 10 lines, must name the"
        " columns, such as organization_id,organization_name,prospect_name,prospect_email,domains"
    ]


def test_whoever_can_say_which_column_is_which_sees_three_values_of_each() -> None:
    rows = [["organization_id", "Fax", ""], *(["org_1", f"+{number}", ""] for number in (1, 1, 2, 3, 4))]
    question = refusal_of(*rows).question
    assert question is not None
    assert question.about == "columns"
    assert question.columns == [
        FileColumn("organization_id", ["org_1"], "organization_id"),
        FileColumn("Fax", ["+1", "+2", "+3"]),
    ]


@pytest.mark.parametrize(
    ("header", "proposed"),
    [
        (HEADER, ["", "organization_id", "organization_name", "domains", "prospect_email", ""]),
        (["organization_name", "Company", "Work Email"], ["organization_name", "", "prospect_email"]),
        (["Company", "Account", "Contact", "Custom domain URL"], ["organization_name", "", "prospect_name", ""]),
    ],
)
def test_usual_names_are_proposed_each_of_ours_once(header: list[str], proposed: list[str]) -> None:
    ours = [name if name in USUAL else "" for name in header]
    columns = [FileColumn(name, ["x"], column) for name, column in zip(header, ours, strict=True)]
    assert proposed_columns(columns) == proposed


def test_a_problem_of_a_mapped_column_has_the_files_name_of_it() -> None:
    (invalid,) = check(HEADER, [*ROW[:3], "bad_domain", *ROW[4:]], columns=COLUMNS).invalid
    assert [problem.column for problem in invalid.problems] == ["Website"]


def test_a_key_without_letters_is_no_column_without_a_name() -> None:
    found = check(["organization_id", "-", ""], ["org_1", "x", ""], ["org_2", "", "stray"], columns={"-": ""})
    assert [row.row for row in found.invalid] == [2]


def test_a_hint_is_not_a_column_that_is_there_already() -> None:
    assert "did you mean" not in str(refusal_of(["organization_id", "organisation id"], ["org_1", "x"]))


def test_many_columns_and_entries_take_no_longer_than_few() -> None:
    header = ["organization_id", *(f"Field {number}" for number in range(499))]
    columns = {name.upper(): "" for name in header[1:]}
    assert len(check(*[header] * 1, *[["org_1", *["x"] * 499]] * 9, columns=columns).valid) == 9


def test_a_column_of_organization_ids_is_known_by_its_values() -> None:
    columns = [FileColumn("ID", ["org_1", "org_2"]), FileColumn("Domain", [])]
    assert proposed_columns(columns) == ["organization_id", "domains"]
    of_the_crm = FileColumn("Organization - ID", ["12", "13"], "organization_id")
    assert proposed_columns([of_the_crm, *columns]) == ["", "organization_id", "domains"]
