"""Warnings about valid rows: each kind is one, with the rows that it is about."""

from __future__ import annotations

import json

import pytest

from tests.unit.include.prospects.inputs import COMPANIONS, load

SCOPES = "provisioning_config.scopes"
USER_SCOPES = "get:users;post:users;put:users;patch:users;delete:users"
ALIASES = "connection_config.options.domain_aliases"
GOOGLE = "provisioning_config.google_workspace.sync_users"


def rows_of(organizations, **cells):
    """Return a row for each organization, with its own address and the same other cells."""
    return [{"organization_id": organization, **cells} for organization in organizations]


def domains(first, last):
    return ";".join(f"d{number}.example" for number in range(first, last))


@pytest.mark.parametrize("column", ["domains", ALIASES])
def test_a_domain_in_two_organizations_names_both_rows(column):
    rows = rows_of(["org_1", "org_1", "org_2", "org_3"], **{column: "acme.example"})
    rows[1][column], rows[3][column] = "ACME.example", "other.example;Acme.example"
    assert load(*rows).warnings[0] == (
        "row 3 (acme.example, as row 1), 4 (acme.example, as row 1): the domain is given for two organizations, but its"
        " users can be led to one only: keep it in one of them"
    )


def test_www_and_the_domain_of_a_mail_provider_are_named():
    found = load({"domains": "www.acme.example;acme.example;WWW.b.example"}, {"domains": "a.example;GMail.com"})
    www, provider = found.warnings
    assert www.startswith("row 1 (www.acme.example): a domain begins with www., which")
    assert provider.startswith("row 2 (gmail.com): anyone can have an address of this mail provider, so no")


@pytest.mark.parametrize(
    ("scopes", "warned"),
    [
        ("get:users;post:users", True),
        ("get:groups;post:groups;put:groups;patch:groups;delete:groups", True),
        (USER_SCOPES, False),
        (f"delete:groups;{USER_SCOPES}", False),
    ],
)
def test_scopes_without_all_five_of_users_enable_no_scim(scopes, warned):
    found = load({}, {"organization_id": "org_2", SCOPES: scopes}).warnings
    as_json = load({}, {"organization_id": "org_2", "provisioning_config": json.dumps({"scopes": scopes.split(";")})})
    expected = f"row 2: Auth0 enables no SCIM unless {SCOPES} has all of {USER_SCOPES.replace(';', ', ')}"
    assert found == as_json.warnings == ([expected] if warned else [])


def test_google_workspace_is_left_to_those_who_know_what_the_profile_allows():
    assert load({GOOGLE: "yes"}).warnings == []


def test_the_eleventh_connection_of_an_organization_is_named():
    rows = [{"connection_name": f"acme-{number}"} for number in range(10)]
    assert load(*rows, *rows[:5], {"connection_id": "con_1"}).warnings == []
    organizations = json.dumps([{"organization_id": "org_1"}, {"organization_id": "org_2"}])
    another = {"organization_id": "org_2", "enabled_organizations": organizations}
    for row in ({"connection_name": "acme-10"}, another):
        (warning,) = load(*rows, row, {"organization_id": "org_3"}).warnings
        assert warning.startswith("row 11 (org_1): Auth0 allows an organization 10 connections, those")


def test_many_pending_domains_of_an_organization_are_named():
    assert load({"domains": domains(0, 79)}).warnings == []
    (warning,) = load({"domains": domains(0, 80)}).warnings
    assert warning.startswith("row 1 (80 domains of org_1): these are many domains: Auth0 takes 100 pending")
    several = load(*({"domains": domains(first, first + 30)} for first in (0, 0, 20, 40, 60)))
    assert several.warnings[0].startswith("row 5 (90 domains of org_1): these are many domains")


def test_many_pending_domains_of_several_organizations_are_named():
    organizations = json.dumps([{"organization_id": "org_1"}, {"organization_id": "org_2"}])
    row = {"enabled_organizations": organizations, "domains": domains(0, 799)}
    assert load(row).warnings == []
    (warning,) = load({**row, "domains": domains(0, 800)}).warnings
    assert warning.startswith("row 1 (800 domains): these are many domains")


def test_two_prospects_of_a_connection_each_get_a_link():
    rows = [{"prospect_email": f"{name}@acme.example", "connection_name": "acme"} for name in ("a", "b", "A", "c")]
    assert load(*rows).warnings == [
        "row 2 (acme, as row 1), 4 (acme, as row 1): two prospects, or two profiles, are to set up the same"
        " connection, and each gets a link"
    ]
    edits = [{"prospect_email": f"{name}@acme.example", "connection_id": "con_1"} for name in ("a", "b")]
    assert load(*edits).warnings[0].startswith("row 2 (con_1, as row 1): two prospects")


ADA = {"organization_name": "Acme", "prospect_name": "Ada", "prospect_email": "ada@acme.example"}
ADA_WITH_A_NAME = {**ADA, "organization_name": "", "prospect_email": "Ada@Acme.example", "connection_name": "acme"}


def test_a_person_whose_connection_is_named_in_two_ways_is_one_prospect():
    loaded = load(ADA, ADA_WITH_A_NAME)
    assert [prospect.prospect for prospect in loaded.valid] == ["ada@acme.example", "ada@acme.example|acme"]
    assert loaded.warnings == []


def test_a_person_gets_a_link_of_each_profile():
    assert load({**ADA, "profile_id": "ssp_1"}, {**ADA_WITH_A_NAME, "profile_id": "ssp_2"}).warnings == [
        "row 2 (acme, as row 1): two prospects, or two profiles, are to set up the same connection, and each gets a"
        " link"
    ]


def test_a_person_who_edits_a_connection_for_two_organizations_is_two_prospects():
    rows = rows_of(["org_1", "org_2"], prospect_email="ada@acme.example", connection_id="con_1")
    assert load(*rows).warnings[0].startswith("row 2 (con_1, as row 1): two prospects")


def test_each_kind_is_one_warning_that_names_ten_rows_and_counts_the_others():
    rows = rows_of([f"org_{number}" for number in range(1_013)], domains="gmail.com")
    shared, provider = load(*rows).warnings
    assert shared.startswith("row 2 (gmail.com, as row 1), 3 (gmail.com, as row 1), ")
    assert "11 (gmail.com, as row 1) and 1,002 more: the domain is given for two" in shared
    assert "10 (gmail.com) and 1,003 more: anyone can have" in provider


def test_rows_that_are_invalid_are_not_warned_of():
    row = {"domains": "https://www.acme.example/;gmail.com", **COMPANIONS["enabled_features"], "ttl_sec": "soon"}
    assert load(row).warnings == []
