"""What a person is asked about an upload: its encoding, its sheet, and which column is which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from include.prospects import ReadOptions, check_contents, template_xlsx
from tests.support.prospects import run_params
from tests.unit.include.prospects.inputs import csv_of, workbook_of
from tests.unit.sso_ui.conftest import SignIn
from tests.unit.sso_ui.test_batches import HERE, Inputs

HEADER = ["Record ID", "Auth0 org", "Account Name", "Website", "E-Mail", "Owner"]
ROW = ["9812", "org_1", "Acme", "acme.example", "it@acme.example", "<b>Jo</b>"]
CRM = csv_of(HEADER, ROW).encode()
COLUMNS = {
    "Record ID": "",
    "Auth0 org": "organization_id",
    "Account Name": "organization_name",
    "Website": "domains",
    "E-Mail": "prospect_email",
    "Owner": "",
}


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


def upload(browser: TestClient, content: bytes, name: str = "crm.csv") -> str:
    """Upload a file; return the path that it leads to."""
    answer = browser.post("/batches", files={"file": (name, content)}, headers=HERE)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def say(browser: TestClient, path: str, **fields: Any) -> Any:
    """Answer the question that a page asks; return the page that follows."""
    answer = browser.post(f"{path}/options", data=fields, headers=HERE)
    return browser.get(answer.headers["location"]) if answer.status_code == 303 else answer


def parameters(page: str) -> dict[str, Any]:
    """Return the parameters of the run that a preview's button starts."""
    fields = [field for field in Inputs(page).hidden if "data-json" in field]
    return {field["name"]: json.loads(field["value"]) for field in fields}


@pytest.mark.usefixtures("in_processes")
def test_a_file_with_other_columns_asks_which_is_which_with_what_is_usual_filled_in(browser: TestClient) -> None:
    path = upload(browser, CRM)
    asked = browser.get(path)
    assert asked.status_code == 200
    assert "Which column is which?" in asked.text
    assert [field["value"] for field in Inputs(asked.text).hidden if field.get("name") == "name"] == HEADER
    for column in filter(None, COLUMNS.values()):
        assert asked.text.count(f"<option selected>{column}</option>") == 1
    assert "&lt;b&gt;Jo&lt;/b&gt;" in asked.text
    preview = say(browser, path, name=list(COLUMNS), column=list(COLUMNS.values()))
    assert "1 prospect of 1 organization" in preview.text
    assert parameters(preview.text)["columns"] == COLUMNS
    assert "How this file is read" in preview.text


def test_a_second_file_with_the_same_header_is_not_asked_about_and_another_persons_is(
    browser: TestClient, sign_in: SignIn
) -> None:
    say(browser, upload(browser, CRM), name=list(COLUMNS), column=list(COLUMNS.values()))
    again = browser.get(upload(browser, csv_of(HEADER, ROW, ["1", "org_2", "Globex", *ROW[3:]]).encode()))
    assert "2 prospects of 2 organizations" in again.text
    path = upload(browser, csv_of(HEADER, [*ROW[:5], "Zoë"]).encode("cp1252"))
    assert "1 prospect of 1 organization" in say(browser, path, encoding="windows-1252").text
    assert "Which column is which?" in browser.get(upload(browser, csv_of([*HEADER, "Fax"], [*ROW, "1"]).encode())).text
    sign_in(name="bob")
    assert "Which column is which?" in browser.get(upload(browser, CRM)).text


def test_the_columns_can_be_chosen_again_and_the_last_choice_is_filled_in(browser: TestClient) -> None:
    path = upload(browser, CRM)
    chosen = {**COLUMNS, "Owner": "prospect_name"}
    assert "1 row to fix" not in say(browser, path, name=list(chosen), column=list(chosen.values())).text
    assert browser.post(f"{path}/questions", headers=HERE).status_code == 303
    asked = browser.get(path).text
    assert "Which column is which?" in asked
    assert "<option selected>prospect_name</option>" in asked


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"encoding": "utf-7"}, "There is no encoding"),
        ({"name": ["Owner"], "column": ["nothing"]}, "is no column"),
        ({"name": ["Fax", "Fax"], "column": ["", "prospect_name"]}, "Two columns have the name"),
        ({"name": ["Fax", "Phone"], "column": [""]}, "not one answer for each column"),
        ({"sheet": "a\x00"}, "No sheet can have this name"),
    ],
)
def test_an_answer_that_is_none_is_refused(browser: TestClient, fields: dict[str, Any], reason: str) -> None:
    answer = say(browser, upload(browser, CRM), **fields)
    assert answer.status_code == 422
    assert reason in answer.text


def test_an_answer_about_an_upload_that_is_gone_is_a_404(browser: TestClient) -> None:
    for page in ("options", "questions"):
        assert browser.post(f"/batches/{'0' * 32}/{page}", data={"sheet": "a"}, headers=HERE).status_code == 404


@pytest.mark.usefixtures("in_processes")
def test_a_file_in_windows_1252_is_read_after_a_look_at_its_names(browser: TestClient, home: Path) -> None:
    rows = [["organization_id", "organization_name"], ["org_1", "Müller & Söhne"], ["org_2", "Café"]]
    path = upload(browser, csv_of(*rows).encode("cp1252"))
    asked = browser.get(path).text
    assert "Which encoding does this file have?" in asked
    assert "<li>Müller &amp; Söhne</li>" in asked
    preview = say(browser, path, encoding="windows-1252")
    assert "2 prospects of 2 organizations" in preview.text
    assert "Müller &amp; Söhne" in preview.text
    assert parameters(preview.text)["encoding"] == "windows-1252"


@pytest.mark.usefixtures("in_processes")
def test_of_several_sheets_one_is_chosen_and_its_columns_too(browser: TestClient) -> None:
    path = upload(browser, workbook_of([["x"]], [HEADER, ROW], titles=["Notes", "CRM"]), "export.XLSX")
    asked = browser.get(path).text
    assert "Which sheet has the prospects?" in asked
    assert 'value="CRM"' in asked
    assert "Which column is which?" in say(browser, path, sheet="CRM").text
    preview = say(browser, path, name=list(COLUMNS), column=list(COLUMNS.values()))
    assert "1 prospect of 1 organization" in preview.text
    given = parameters(preview.text)
    assert (given["sheet"], given["columns"]) == ("CRM", COLUMNS)
    assert given["prospects_uri"].endswith("/export.xlsx")


def test_a_file_that_needs_no_answer_starts_a_run_with_the_usual_parameters(browser: TestClient) -> None:
    preview = browser.get(upload(browser, workbook_of([["Organization ID"], ["org_1"]]), "a.xlsx")).text
    assert set(parameters(preview)) == {"prospects_uri", "on_existing", "on_conflict", "ttl_sec"}
    assert "How this file is read" not in preview


def test_the_filled_in_template_for_excel_needs_no_answer(browser: TestClient) -> None:
    preview = browser.get(upload(browser, template_xlsx(), "prospects.xlsx")).text
    assert "2 prospects of 2 organizations" in preview


def test_only_the_person_who_has_uploaded_a_file_says_how_it_is_read(browser: TestClient, sign_in: SignIn) -> None:
    path = upload(browser, CRM)
    sign_in(name="bob")
    for page in ("options", "questions"):
        answer = browser.post(f"{path}/{page}", data={"sheet": "a"}, headers=HERE)
        assert (answer.status_code, "Only the person who" in answer.text) == (404, True)


def test_columns_without_a_name_are_left_out_and_those_without_anything_not_shown(browser: TestClient) -> None:
    header = ["Account", "Auth0 org", "", *[""] * 2_000]
    path = upload(browser, csv_of(header, ["Acme", "org_1", "stray"]).encode())
    asked = browser.get(path).text
    assert asked.count("<select") == 2
    assert "Left out, since it has no name" in asked
    columns = {"Account": "organization_name", "Auth0 org": "organization_id", "": ""}
    assert "1 prospect of 1 organization" in say(browser, path, name=list(columns), column=list(columns.values())).text


def test_a_sheet_whose_name_ends_with_white_space_is_the_one_that_the_run_reads(browser: TestClient) -> None:
    sheets = [[["organization_id"], [f"org_{number}"]] for number in (1, 2)]
    content = workbook_of(*sheets, titles=["Data", "Data "])
    given = parameters(say(browser, upload(browser, content, "a.xlsx"), sheet="Data ").text)
    found = check_contents([("a.xlsx", content)], ReadOptions.of({**run_params(), **given}))
    assert [row.organization_id for row in found.valid] == ["org_2"]
