"""The description of the columns is complete and true: what it says is what the checker does."""

from __future__ import annotations

import pytest

from include.prospects import ColumnInfo, describe_columns
from include.prospects.rows.rules import MAX_DOMAINS_OF_ONE_ORGANIZATION
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES
from tests.unit.include.prospects.inputs import COMPANIONS, load, problems_of

DESCRIBED = {column.name: column for column in describe_columns()}


WARNED_OF = (
    "connection_config.options.domain_aliases",
    "provisioning_config.google_workspace",
    "provisioning_config.google_workspace.sync_users",
    "provisioning_config.google_workspace.sync_groups",
)
"""Columns that are right only for some tenants, which a warning says."""


def row_with(name: str, cell: str) -> dict[str, str]:
    """Return a row with a cell, and with those that it needs beside it."""
    row = {"organization_id": "org_acme0000000000001", **COMPANIONS.get(SHORT_NAMES.get(name, name), {})}
    return {**row, name: cell}


def test_every_column_is_described_once_and_the_usual_ones_come_first() -> None:
    names = [column.name for column in describe_columns()]
    assert len(names) == len(set(names))
    assert set(names) == {*COLUMNS, "connection_config.metadata.plan"}
    assert [column.usual for column in describe_columns()] == sorted(
        (column.usual for column in describe_columns()), reverse=True
    )
    assert [column.name for column in describe_columns() if column.required] == ["organization_id"]


@pytest.mark.parametrize("column", DESCRIBED.values(), ids=lambda column: column.name)
def test_a_column_has_a_meaning_a_type_and_an_example_that_is_accepted(column: ColumnInfo) -> None:
    assert column.meaning.endswith(".")
    assert column.type
    loaded = load(row_with(column.name, column.example))
    assert [row.error for row in loaded.invalid] == []
    assert [warning for warning in loaded.warnings if column.name not in WARNED_OF] == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("organization_id", "id: begins with org_, up to 50 characters"),
        ("domains", "list of domains: up to 1,000 items, each up to 255 characters"),
        ("ttl_sec", "whole number: 0 to 432000"),
        ("domain_aliases_config.domain_verification", "choice: none, optional or required"),
        ("provisioning_config.token_lifetime", "whole number or null: from 900"),
        ("connection_config.metadata", "JSON object: up to 10 keys"),
        ("connection_config.metadata.plan", "text or null: up to 255 characters"),
        (
            "enabled_organizations",
            "list of JSON objects: up to 1,000 items,"
            " each with organization_id, assign_membership_on_login, show_as_button",
        ),
    ],
)
def test_type_and_bounds_follow_from_the_models(name: str, values: str) -> None:
    assert DESCRIBED[name].values == values


@pytest.mark.parametrize("column", DESCRIBED.values(), ids=lambda column: column.name)
def test_a_column_takes_null_exactly_if_its_type_says_so(column: ColumnInfo) -> None:
    row = row_with(column.name, "null")
    if column.type.endswith("or null"):
        assert not load(row).invalid
    else:
        assert problems_of(row)


def test_a_short_name_says_what_it_is_short_for() -> None:
    assert {name: column.short_for for name, column in DESCRIBED.items() if column.short_for} == SHORT_NAMES
    assert DESCRIBED["connection_name"].explanation.endswith("Short for connection_config.name.")
    assert DESCRIBED["organization_id"].explanation.endswith("Required.")


def test_a_bound_that_a_rule_adds_is_in_the_meaning() -> None:
    assert f"At most {MAX_DOMAINS_OF_ONE_ORGANIZATION} " in DESCRIBED["domains"].meaning
