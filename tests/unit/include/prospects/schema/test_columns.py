"""Every field of the API has a column."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from include.prospects.schema.cells import is_object, plain_type
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES
from include.prospects.schema.models import OWN_COLUMNS, ProspectRow, RequestBody
from tests.unit.include.prospects.inputs import COMPANIONS, body_of, load, problems_of

TEXTS = ("acme-1", "acme.example", "https://acme.example/icon.png", "it@acme.example", "null")


def leaf_fields(model=ProspectRow, above=""):
    """Yield dotted path and type of each field that has no fields itself."""
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
        return f"{cell};{cell}", [value]
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


def value_at(path, body):
    for key in path.split("."):
        body = body[key]
    return body


def test_every_property_of_the_schema_has_a_column():
    schema = RequestBody.model_json_schema()
    paths = list(schema_paths(schema, schema["$defs"]))
    assert len(paths) > 30
    assert set(paths) <= set(COLUMNS)


BODY_LEAVES = {path: annotation for path, annotation in leaf_fields() if path not in OWN_COLUMNS}


@pytest.mark.parametrize("path", BODY_LEAVES)
def test_a_cell_of_every_field_arrives_in_the_body(path):
    cell, expected = a_valid_cell(BODY_LEAVES[path])
    assert value_at(path, body_of({path: cell, **COMPANIONS.get(path, {})})) == expected


@pytest.mark.parametrize(("short", "path"), SHORT_NAMES.items())
def test_a_short_name_stands_for_its_path(short, path):
    cell, expected = a_valid_cell(BODY_LEAVES[path])
    assert value_at(path, body_of({short: cell})) == expected


def test_the_columns_beside_the_body_arrive_in_the_prospect():
    row = {
        "organization_id": "org_1",
        "organization_name": "Acme, Inc.",
        "prospect_name": "IT desk",
        "prospect_email": "IT@Acme.example",
        "language": "pt-BR",
        "profile_id": "ssp_1",
        "custom_domain": "login.acme.example",
    }
    (prospect,) = load(row).valid
    assert {column: getattr(prospect, column) for column in row} == row
    assert not set(row) & set(prospect.body)


def test_an_object_can_be_given_as_json_and_by_its_fields_together():
    row = {
        "display_name": "Acme",
        "connection_config.metadata.Plan": "gold",
        "connection_config": '{"name": "acme", "metadata": {"tier": "1"}}',
    }
    assert body_of(row)["connection_config"] == {
        "name": "acme",
        "display_name": "Acme",
        "metadata": {"tier": "1", "Plan": "gold"},
    }


def test_keys_that_are_special_elsewhere_are_plain_keys_of_the_metadata():
    keys = ["__proto__", "constructor", "__class__", "a", "a.b", "a.b.c"]
    body = body_of({f"connection_config.metadata.{key}": key for key in keys})
    assert body["connection_config"]["metadata"] == {key: key for key in keys}


@pytest.mark.parametrize("outer", ['{"metadata": null}', '{"metadata": "x"}', '{"metadata": {"plan": "y"}}'])
def test_two_columns_that_give_different_values_to_one_field_make_the_row_invalid(outer):
    problems = problems_of({"connection_config": outer, "connection_config.metadata.plan": "x"})
    assert any("says: keep one of the two" in problem.rule for problem in problems)
