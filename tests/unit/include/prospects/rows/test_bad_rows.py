"""The sample of bad rows: each breaks one rule, which is named with row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.prospects import load_prospects

BAD_ROWS = Path(__file__).parents[4] / "support" / "bad_rows.csv"
GOOD = [1, 6, 10, 16, 22, 38]

# Row, column to blame, and how its rule begins.
EXPECTED = [
    (2, "organization_id", "is required"),
    (3, "organization_id", "must be letters A-Z or a-z, digits, '_' or '-', but has '\u043e'"),
    (4, "organization_id", "must be at most 50 characters long"),
    (5, "organization_name", "must not contain the unprintable character U+0007, at character 4: remove it"),
    (7, "prospect_email", "must be one e-mail address, such as ada@example.com"),
    (8, "connection_name", "must be letters A-Z or a-z, digits and single hyphens between them, such as acme-saml"),
    (9, "connection_name", "must be at most 128 characters long"),
    (11, "display_name", "must be at most 128 characters long"),
    (12, "domains", "item 2: must be a domain name, such as example.com, without https:// and path"),
    (13, "assign_membership_on_login", "must be true or false (yes, no, 1 and 0 do as well)"),
    (14, "ttl_sec", "must be at most 432000"),
    (15, "ttl_sec", "must be a whole number in plain digits, at most 18 of them"),
    (17, "profile_id", "must be letters A-Z or a-z, digits, '_' or '-', but has '/' (SOLIDUS) at character 4"),
    (18, "custom_domain", "must be a domain name, such as example.com, without https:// and path"),
    (19, "connection_id", "edits a connection, while connection_name makes a new one: keep one of the two"),
    (20, "connection_name", "differs from what column connection_config.name says: keep one of the two"),
    (21, "connection_config.metadata", "must be JSON, but has the key 'plan' twice"),
    (23, "connection_config.options.icon_url", "must be a URL that begins with https://"),
    (24, "domains", "needs domain_aliases_config.domain_verification optional or required, not none"),
    (25, "domain_aliases_config.domain_verification", "must be 'none', 'optional' or 'required'"),
    (26, "enabled_features.sso", "is only for tickets that edit a connection: give connection_id or remove it"),
    (27, "enabled_features.sso", "must set at least one of sso, domain_verification, provisioning to true"),
    (28, "enabled_features.provisioning", "needs provisioning_config.scopes or .google_workspace"),
    (29, "provisioning_config.token_lifetime", "needs provisioning_config.scopes or provisioning_config."),
    (30, "provisioning_config.scopes", "item 2: must be 'get:users', 'post:users', 'put:users', 'patch:users', "),
    (31, "provisioning_config.token_lifetime", "must be at least 900"),
    (32, "provisioning_config.google_workspace", "needs provisioning_config.google_workspace.sync_users true"),
    (33, "use_for_organization_discovery", "needs domain_aliases_config.domain_verification optional or required"),
    (34, "enabled_organizations", "must contain the row's organization_id org_bad0034"),
    (35, "assign_membership_on_login", "is overruled by column enabled_organizations: set it there and leave this"),
    (36, "third_party_client_access_config.allow_configuration", "excludes connection_config.is_domain_connection"),
    (37, "connection_name", "connection name 'good-1' is used by organization org_good0001 in row 1 already: set"),
    (39, "#26", "the row has 26 cells, the header 25: put quotes around a cell that contains the separator"),
]


@pytest.fixture(scope="module")
def prospects():
    return load_prospects(BAD_ROWS)


@pytest.mark.parametrize(("row", "column", "rule"), EXPECTED)
def test_a_bad_row_names_its_column_and_its_rule(prospects, row, column, rule):
    (invalid,) = [invalid for invalid in prospects.invalid if invalid.row == row]
    (problem,) = invalid.problems
    assert (problem.row, problem.source, problem.column) == (row, "bad_rows.csv", column)
    assert problem.rule.startswith(rule)
    assert str(problem).startswith(f"row {row}, line {row + 1}, column {column}, value '{problem.value}': {rule}")


def test_the_other_rows_are_valid(prospects):
    assert [invalid.row for invalid in prospects.invalid] == [row for row, *_ in EXPECTED]
    assert [prospect.row for prospect in prospects.valid] == GOOD


def test_an_invalid_row_carries_what_the_report_shows_without_control_characters(prospects):
    escaped, invalid = prospects.invalid[3:5]
    assert (invalid.organization_id, invalid.organization_name) == ("org_bad0007", "Bad 7")
    assert invalid.prospect_email == "it@bad.example, cc@bad.example"
    assert invalid.connection_name == "bad-7"
    assert escaped.organization_name == escaped.problems[0].value == "Bad\\x074"
