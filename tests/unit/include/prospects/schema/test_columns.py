"""Every field of the API has a column, and headers that miss are answered with the nearest name."""

from __future__ import annotations

import csv
import io
from typing import Literal, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from include.prospects import ProspectsError, load_prospects
from include.prospects.schema.cells import is_object, plain_type
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES
from include.prospects.schema.models import OWN_COLUMNS, ProspectRow, TicketRequest
from include.prospects.table.header import MOST_COLUMNS, find_column, nearest_hint

TEXTS = ("acme-1", "acme.example", "https://acme.example/icon.png", "it@acme.example", "null")
SCOPES = {"provisioning_config.scopes": "get:users"}
VERIFIED = {"domain_aliases_config.domain_verification": "optional"}
COMPANIONS = {
    "enabled_features.sso": {"connection_id": "con_1"},
    "enabled_features.domain_verification": {"connection_id": "con_1"},
    "enabled_features.provisioning": {"connection_id": "con_1", **SCOPES},
    "provisioning_config.token_lifetime": SCOPES,
    "provisioning_config.google_workspace.sync_groups": {"provisioning_config.google_workspace.sync_users": "yes"},
    "domain_aliases_config.pending_domains": VERIFIED,
    "use_for_organization_discovery": VERIFIED,
}
"""Cells that a column can't be without."""


def leaf_fields(model=ProspectRow, above=""):
    """Yield dotted path and type of each field that holds no fields itself."""
    for name, field in model.model_fields.items():
        inner = plain_type(field.annotation)
        if hasattr(inner, "model_fields"):
            yield from leaf_fields(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", field.annotation


def schema_paths(schema, definitions, above=""):
    """Yield the dotted path of each property of a JSON schema, objects and lists included."""
    for name, prop in schema.get("properties", {}).items():
        yield f"{above}{name}"
        parts = [part for part in prop.get("anyOf", [prop]) if "$ref" in part]
        for part in parts:
            yield from schema_paths(definitions[part["$ref"].rpartition("/")[2]], definitions, f"{above}{name}.")


def a_valid_cell(annotation):
    """Return a cell and the value it stands for."""
    inner = plain_type(annotation)
    if inner is bool:
        return "yes", True
    if inner is int:
        return "3600", 3600
    if get_origin(inner) is Literal:
        return get_args(inner)[-1], get_args(inner)[-1]
    if get_origin(inner) is list and not is_object(plain_type(get_args(inner)[0])):
        cell, value = a_valid_cell(get_args(inner)[0])
        return f"{cell};{cell}", [value, value]
    if get_origin(inner) is dict:
        return '{"plan": "gold", "tier": null}', {"plan": "gold", "tier": None}
    if get_origin(inner) is list:
        return '[{"organization_id": "org_1"}]', [{"organization_id": "org_1"}]
    text = next(text for text in TEXTS if accepts(annotation, text))
    return text, text


def accepts(annotation, text):
    try:
        TypeAdapter(annotation).validate_python(text)
    except ValidationError:
        return False
    return True


def load_row(row):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerow(row)
    return load_prospects(None, text=text.getvalue())


def test_every_property_of_the_schema_has_a_column():
    schema = TicketRequest.model_json_schema()
    paths = list(schema_paths(schema, schema["$defs"]))
    assert len(paths) > 30
    assert set(paths) <= set(COLUMNS)


BODY_LEAVES = [(path, annotation) for path, annotation in leaf_fields() if path not in OWN_COLUMNS]


@pytest.mark.parametrize(("path", "annotation"), BODY_LEAVES, ids=[path for path, _ in BODY_LEAVES])
def test_a_cell_of_every_field_arrives_in_the_body(path, annotation):
    cell, expected = a_valid_cell(annotation)
    loaded = load_row({"organization_id": "org_1", path: cell, **COMPANIONS.get(path, {})})
    assert not loaded.invalid, [str(problem) for problem in loaded.invalid[0].problems]
    value = loaded.valid[0].body
    for key in path.split("."):
        value = value[key]
    assert value == expected


@pytest.mark.parametrize(("short", "path"), SHORT_NAMES.items())
def test_a_short_name_stands_for_its_path(short, path):
    cell, expected = a_valid_cell(dict(BODY_LEAVES)[path])
    value = load_row({"organization_id": "org_1", short: cell}).valid[0].body
    for key in path.split("."):
        value = value[key]
    assert value == expected


def test_the_columns_beside_the_body_arrive_in_the_prospect():
    row = {
        "organization_id": "org_1",
        "organization_name": "Acme, Inc.",
        "prospect_name": "IT desk",
        "prospect_email": "IT@Acme.example",
        "profile_id": "ssp_1",
        "custom_domain": "login.acme.example",
    }
    (prospect,) = load_row(row).valid
    assert {column: getattr(prospect, column) for column in row} == row
    assert not set(row) & set(prospect.body)


def test_an_object_can_be_given_as_json_and_by_its_fields_together():
    row = {
        "organization_id": "org_1",
        "display_name": "Acme",
        "connection_config.metadata.Plan": "gold",
        "connection_config": '{"name": "acme", "metadata": {"tier": "1"}}',
    }
    assert load_row(row).valid[0].body["connection_config"] == {
        "name": "acme",
        "display_name": "Acme",
        "metadata": {"tier": "1", "Plan": "gold"},
    }


def test_names_are_found_whatever_their_case_and_spaces():
    text = " Organization_ID ,DISPLAY_NAME,Connection_Config.Metadata.PlanName\norg_1,Acme,gold\n"
    (prospect,) = load_prospects(None, text=text).valid
    assert prospect.body["connection_config"] == {
        "name": "org-1",
        "display_name": "Acme",
        "metadata": {"PlanName": "gold"},
    }


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("domian", "domains"),
        ("organisation_name", "organization_name"),
        ("ttl", "ttl_sec"),
        ("email", "prospect_email"),
        ("icon_url", "connection_config.options.icon_url"),
        ("connection_config.displayname", "connection_config.display_name"),
        ("provisioning.scopes", "provisioning_config.scopes"),
        ("Connection-Name", "connection_name"),
    ],
)
def test_an_unknown_column_is_answered_with_the_nearest_known_one(wrong, nearest):
    assert find_column(wrong) is None
    assert f"'{nearest}'" in nearest_hint(wrong)


def test_a_header_tells_all_its_problems_at_once():
    text = "organisation_id,domian,ttl_sec,TTL_SEC,connection_config.metadata.,\nx\n"
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text=text)
    assert error.value.problems == [
        "prospects_csv: unknown column 'organisation_id': did you mean 'organization_id'?",
        "prospects_csv: unknown column 'domian': did you mean 'domains'?",
        "prospects_csv: unknown column 'connection_config.metadata.': did you mean 'connection_config.metadata'?",
        "prospects_csv: column 'ttl_sec' is given 2 times: keep one of them",
        "prospects_csv: the column 'organization_id' is missing: the first line must name the columns,"
        " such as organization_id,organization_name,prospect_name,prospect_email,domains",
    ]
    assert str(error.value) == "\n".join(error.value.problems)


@pytest.mark.parametrize(
    "secrets",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "sk_live_51H8xkq2eZvKYlo2C",
        "client_id=h4rdToGuess",
        "machine acme.example login ada password h4rdToGuess",
        '{"client_secret": "h4rdToGuess", "name": "acme"}',
        "h4rdToGuess" * 30,
        "h4rd\u200bToGuess",
        "prospect_email,h4rdToGuess",
    ],
)
def test_the_first_line_of_a_file_that_is_no_csv_of_prospects_is_not_shown(tmp_path, secrets):
    file = tmp_path / "credentials"
    file.write_text(secrets + "\n", encoding="utf-8")
    with pytest.raises(ProspectsError) as error:
        load_prospects(file)
    assert not [part for part in ("AKIA", "sk_live", "h4rd", "acme") if part in str(error.value)]


def test_a_name_that_is_not_shown_is_found_by_its_position():
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text="prospect_email,passw0rd,organization id\n")
    unknown, hinted, _ = error.value.problems
    assert unknown.startswith("prospects_csv: unknown column 2: ")
    assert hinted == "prospects_csv: unknown column 3: did you mean 'organization_id'?"


def test_beside_an_organization_id_every_unknown_column_is_named():
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text="organization_id,Fax Number\norg_1,5\n")
    assert "unknown column 'Fax Number': the nearest" in str(error.value)


def test_a_file_of_absurdly_many_columns_is_refused_at_once():
    with pytest.raises(ProspectsError, match=f"has {MOST_COLUMNS + 1} columns"):
        load_prospects(None, text="x," * MOST_COLUMNS + "y\n")


def test_a_column_without_a_name_is_fine_while_it_is_empty():
    loaded = load_prospects(None, text="organization_id,,\norg_1,,\norg_2,,stray\n")
    assert [prospect.row for prospect in loaded.valid] == [1]
    (problem,) = loaded.invalid[0].problems
    assert (problem.column, problem.value) == ("#3", "stray")
    assert problem.rule.startswith("has no column name above it")
