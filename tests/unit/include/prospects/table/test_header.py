"""From a header to columns: names that are known, nearly right, wrong, or better not shown."""

from __future__ import annotations

import pytest
from auth0_sso.models import HIDDEN_CHARACTERS

from include.prospects import ProspectsError, load_prospects
from include.prospects.schema.columns import COLUMNS, compared, find_column
from include.prospects.table.header import MAX_COLUMNS
from tests.unit.include.prospects.inputs import csv_of, refusal_of


@pytest.mark.parametrize("id_name", [" Organization_ID ", "organization-id", "OrganizationId", "ORGANIZATION  ID"])
@pytest.mark.parametrize("name", ["DISPLAY_NAME", "Display\nName", "displayName"])
def test_case_white_space_and_dashes_of_a_name_do_not_count(id_name, name):
    text = csv_of([id_name, name, "Connection Config.Metadata.Plan_Name"], ["org_1", "Acme", "gold"])
    (prospect,) = load_prospects(None, text=text).valid
    config = {"name": "org-1", "display_name": "Acme", "metadata": {"Plan_Name": "gold"}}
    assert prospect.body["connection_config"] == config


def test_no_two_columns_have_names_that_are_the_same_in_a_header():
    assert len(set(map(compared, COLUMNS))) == len(COLUMNS)


@pytest.mark.parametrize(
    "name",
    [
        "Custom Domains",
        "custom_domian",
        "Profile IDs",
        "Company Domain Name",
        "Lifecycle Stage",
        "Name",
        "conection_id",
    ],
)
def test_no_hint_leads_to_a_column_that_changes_where_a_link_leads(name):
    (problem,) = refusal_of(csv_of(["organization_id", name], ["org_1", "x"]))
    assert problem.endswith("': remove it, rename it, or say what it is in columns")


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("domian", "domains"),
        ("organisation_name", "organization_name"),
        ("icon_url", "connection_config.options.icon_url"),
        ("provisioning.scopes", "provisioning_config.scopes"),
        ("Conection Name", "connection_name"),
    ],
)
def test_an_unknown_column_that_is_near_a_known_one_gets_it_as_a_hint(wrong, nearest):
    assert find_column(wrong) is None
    (problem,) = refusal_of(f"organization_id,{wrong}\norg_1,x\n")
    assert problem.endswith(f"did you mean '{nearest}'?")


@pytest.mark.parametrize("name", ["a" + ".a" * 1_000, "__proto__", "a..b", ".", "connection_config..name"])
def test_a_path_that_the_request_does_not_have_is_unknown(name):
    (problem,) = refusal_of(f"organization_id,{name}\norg_1,x\n")
    assert "unknown column" in problem
    assert len(problem) < 300


def test_a_header_has_all_its_problems_in_one_error():
    text = "organisation_id,domian,ttl_sec,TTL_SEC,connection_config.metadata.,\nx\n"
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text=text)
    assert error.value.problems == [
        "prospects_csv: unknown column 'organisation_id': did you mean 'organization_id'?",
        "prospects_csv: unknown column 'domian': did you mean 'domains'?",
        "prospects_csv: unknown column 'connection_config.metadata.': did you mean 'connection_config.metadata'?",
        "prospects_csv: column 'ttl_sec' is given 2 times: keep one of them",
        "prospects_csv: the column 'organization_id' is missing: the header, one of the first 10 lines, must name the"
        " columns, such as organization_id,organization_name,prospect_name,prospect_email,domains",
    ]
    assert str(error.value) == "\n".join(error.value.problems)


@pytest.mark.parametrize(
    "secrets",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "client_id=h4rdToGuess",
        '{"client_secret": "h4rdToGuess", "name": "acme"}',
        "h4rdToGuess" * 30,
        "h4rd\u200bToGuess",
        "prospect_email,h4rdToGuess",
    ],
)
def test_the_first_line_of_a_file_that_is_no_csv_of_prospects_is_not_shown(secrets):
    assert not [part for part in ("AKIA", "h4rd", "acme") if part in str(refusal_of(secrets + "\n"))]


def test_a_name_that_is_not_shown_is_found_by_its_position():
    unknown, hinted, _ = refusal_of("prospect_email,passw0rd,organisation id\n")
    assert unknown.startswith("prospects_csv: unknown column 2: ")
    assert hinted == "prospects_csv: unknown column 3: did you mean 'organization_id'?"


def test_beside_an_organization_id_every_unknown_column_is_named():
    (problem,) = refusal_of("organization_id,Fax Number\norg_1,5\n")
    assert "unknown column 'Fax Number': remove it, rename it" in problem


@pytest.mark.parametrize("name", ["\ufefforganization_id", "organi\u200bzation_id", "organization\x1b[31m_id"])
def test_an_invisible_character_in_a_name_is_named_and_placed(name):
    problem, _ = refusal_of(f"display_name,{name}\nx,org_1\n")
    place = HIDDEN_CHARACTERS.search(name)
    assert f"U+{ord(place.group()):04X} in its name, at character {place.start() + 1}: remove it" in problem
    assert not HIDDEN_CHARACTERS.search(problem)


def test_many_unknown_columns_are_counted():
    problems = refusal_of(csv_of(["organization_id", *(f"c{number}" for number in range(400))], ["org_1"]))
    assert len(problems) == 11
    assert problems[-1] == "prospects_csv: 390 more columns are unknown"


def test_no_row_is_checked_against_thousands_of_columns():
    header = ["organization_id", *(f"connection_config.metadata.k{number}" for number in range(MAX_COLUMNS))]
    assert len(load_prospects(None, text=csv_of(header[:-1], ["org_1"])).valid) == 1
    (problem,) = refusal_of(csv_of(header, ["org_1"]))
    assert problem == "prospects_csv: the header has 501 columns: is this a table of prospects?"


@pytest.mark.parametrize(
    ("row", "column", "rule"),
    [
        ("org_1,x,stray", "#3", "has no column name above it"),
        ("org_1,x,,,y", "#5", "the row has 5 cells, the header 4"),
        ("org_1,x,,,", "#5", "the row has 5 cells, the header 4"),
    ],
)
def test_a_cell_outside_the_named_columns_makes_its_row_invalid(row, column, rule):
    loaded = load_prospects(None, text=f"organization_id,display_name,,\norg_1,x,,\norg_2, y \norg_3\n{row}\n")
    assert [prospect.row for prospect in loaded.valid] == [1, 2, 3]
    (problem,) = loaded.invalid[0].problems
    assert problem.column == column
    assert problem.rule.startswith(rule)
