"""Single rows: every rule, the defaults, and that no problem hides another."""

from __future__ import annotations

import csv
import io
import json

import pytest

from include.prospects import ProspectsError, load_prospects
from include.prospects.schema.cells import MAX_CELL_CHARACTERS


def load(*rows, **settings):
    """Load rows given as mappings of column to cell; each gets an organization unless it names one."""
    columns = list(dict.fromkeys(["organization_id", *(column for row in rows for column in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({"organization_id": "org_1", **row} for row in rows)
    return load_prospects(None, text=text.getvalue(), **settings)


def problems_of(row):
    loaded = load(row)
    return [(problem.column, problem.rule) for invalid in loaded.invalid for problem in invalid.problems]


def body_of(row, **settings):
    loaded = load(row, **settings)
    assert not loaded.invalid, [str(problem) for problem in loaded.invalid[0].problems]
    return loaded.valid[0].body


def organizations(count):
    return json.dumps([{"organization_id": f"org_{number}"} for number in range(1, count + 1)])


def domains(count):
    return ";".join(f"d{number}.example" for number in range(count))


BAD = [
    ({"enabled_features": "{}", "connection_id": "con_1"}, "enabled_features", "must set at least one of"),
    (
        {"domains": domains(101)},
        "domains",
        "must be at most 100 domains for 1 organization(s), not 101",
    ),
    (
        {"domains": domains(1001), "enabled_organizations": organizations(2)},
        "domains",
        "must be at most 1000 domains for 2 organization(s), not 1001",
    ),
    (
        {
            "use_for_organization_discovery": "yes",
            "domain_aliases_config.domain_verification": "required",
            "enabled_organizations": organizations(2),
        },
        "use_for_organization_discovery",
        "needs exactly one organization in enabled_organizations",
    ),
    (
        {
            "use_for_organization_discovery": "yes",
            "domain_aliases_config.domain_verification": "none",
        },
        "use_for_organization_discovery",
        "needs domain_aliases_config.domain_verification optional or required",
    ),
    (
        {"organization_show_as_button": "no", "enabled_organizations": organizations(1)},
        "organization_show_as_button",
        "is overruled by column enabled_organizations",
    ),
    (
        {"domain_aliases_config.pending_domains": "a.example"},
        "domain_aliases_config.domain_verification",
        "is required",
    ),
    (
        {"provisioning_config.google_workspace.sync_groups": "yes"},
        "provisioning_config.google_workspace.sync_users",
        "is required",
    ),
    (
        {
            "provisioning_config.google_workspace.sync_groups": "yes",
            "provisioning_config.google_workspace.sync_users": "no",
        },
        "provisioning_config.google_workspace.sync_groups",
        "needs provisioning_config.google_workspace.sync_users true",
    ),
    (
        {"provisioning_config": '{"scopes": []}'},
        "provisioning_config",
        "scopes: must have at least 1 of them",
    ),
    (
        {"connection_config.metadata": json.dumps({f"k{number}": "v" for number in range(11)})},
        "connection_config.metadata",
        "must have at most 10 of them",
    ),
    (
        {"connection_config.metadata.plan": "x" * 256},
        "connection_config.metadata.plan",
        "must be at most 255 characters long",
    ),
    (
        {"connection_config.metadata": '{"plan": 5}'},
        "connection_config.metadata",
        "plan: must be a text",
    ),
    (
        {"connection_config": '{"display_name": "a"}', "display_name": "b"},
        "display_name",
        "differs from what column connection_config says: keep one of the two",
    ),
    ({"connection_config": "null"}, "connection_config", "must be an object"),
    ({"connection_config": '{"nmae": "a"}'}, "connection_config", "nmae: is not a field that the API knows"),
    (
        {"connection_config.options": '{"icon_url": 5}'},
        "connection_config.options",
        "icon_url: must be a text",
    ),
    (
        {"connection_config.options.idpinitiated.client_authorizequery": "x" * 257},
        "connection_config.options.idpinitiated.client_authorizequery",
        "must be at most 256 characters long",
    ),
    (
        {"connection_config.options.idpinitiated.client_protocol": "saml"},
        "connection_config.options.idpinitiated.client_protocol",
        "must be 'samlp', 'wsfed' or 'oauth2'",
    ),
    (
        {"connection_config.options.domain_aliases": "a.example;b example"},
        "connection_config.options.domain_aliases",
        "item 2: must be a domain name",
    ),
    ({"enabled_clients": '["a", 5]'}, "enabled_clients", "item 2: must be a text"),
    ({"enabled_clients": '["a", ""]'}, "enabled_clients", "item 2: must be at least 1 characters long"),
    *(
        ({"enabled_clients": cell}, "enabled_clients", "must be values between semicolons or a JSON list, without null")
        for cell in ("null", "{}", '{"client_id": "a"}', "a;null", "a; []", "a;{}")
    ),
    ({"enabled_clients": "a;b\x00".replace("\x00", "\x01")}, "enabled_clients", "item 2: must not contain"),
    (
        {"enabled_clients": '["\\ud800"]'},
        "enabled_clients",
        "item 1: must not contain half of a surrogate pair",
    ),
    ({"enabled_clients": "[" * 100_000}, "enabled_clients", "must be JSON, but is nested too deeply"),
    ({"enabled_clients": "[" + "9" * 5000 + "]"}, "enabled_clients", "must be JSON, but holds a number of"),
    ({"enabled_clients": "[NaN]"}, "enabled_clients", "must be JSON, which has no NaN"),
    ({"enabled_clients": '["a"'}, "enabled_clients", "must be JSON, but expecting ',' delimiter"),
    ({"enabled_organizations": '"org_1"'}, "enabled_organizations", "must be a list"),
    (
        {"enabled_organizations": '[{"x": 1}, {"organization_id": "org_1"}]'},
        None,
        "item 1, x: is not a field",
    ),
    ({"ttl_sec": "9" * 400}, "ttl_sec", "must be a whole number in plain digits"),
    ({"ttl_sec": "-1"}, "ttl_sec", "must be at least 0"),
    ({"ttl_sec": "٣"}, "ttl_sec", "must be a whole number in plain digits"),
    ({"prospect_email": "it@a.example\r\nBcc: x@b.example"}, "prospect_email", "must be one e-mail address"),
    ({"prospect_email": "IT <it@a.example>"}, "prospect_email", "must be one e-mail address"),
    ({"prospect_name": "n" * 256}, "prospect_name", "must be at most 255 characters long"),
    (
        {"organization_name": "evil\u202eemag"},
        "organization_name",
        "must not contain the unprintable character",
    ),
    ({"organization_name": "a\nb"}, "organization_name", "must not contain the unprintable character U+000A"),
    ({"custom_domain": "ab"}, "custom_domain", "must be at least 3 characters long"),
    ({"custom_domain": "a.example\r\nx: y"}, "custom_domain", "must be a domain name"),
    ({"custom_domain": "ü" * 60 + ".example"}, "custom_domain", "must be a domain name"),
    ({"domains": "a\u0660\u06f0.example"}, "domains", "item 1: must be a domain name"),
    (
        {"connection_config.options.icon_url": "https://bücher.example/x.png"},
        "connection_config.options.icon_url",
        "must be a URL that begins with https://, but has 'ü' (LATIN SMALL LETTER U WITH DIAERESIS) at character 10",
    ),
    ({"organization_id": "Acme"}, "organization_id", "must begin with org_"),
    ({"organization_id": "organization_id"}, "organization_id", "must begin with org_"),
    (
        {"enabled_organizations": '[{"organization_id": "org_1"}, {"organization_id": "Acme"}]'},
        "enabled_organizations",
        "item 2, organization_id: must begin with org_",
    ),
    ({"connection_id": "con_1/../x"}, "connection_id", "must be letters A-Z or a-z, digits, '_' or '-'"),
    (
        {"display_name": "x" * 1_000_000},
        "display_name",
        f"must be at most {MAX_CELL_CHARACTERS} characters long",
    ),
]


@pytest.mark.parametrize(("row", "column", "rule"), BAD)
def test_a_broken_rule_is_named_with_its_column(row, column, rule):
    found = problems_of(row)
    assert any(text.startswith(rule) for where, text in found if column in (None, where)), found
    assert column is None or len(found) == 1, found


def test_a_row_tells_all_its_problems_at_once():
    row = {
        "organization_id": "org 1",
        "prospect_email": "nobody",
        "ttl_sec": "soon",
        "display_name": "x" * 129,
        "connection_id": "con_1",
        "enabled_features.provisioning": "yes",
        "assign_membership_on_login": "perhaps",
    }
    assert {column for column, _ in problems_of(row)} == set(row)


def test_a_cell_that_cannot_be_read_is_not_called_missing_too():
    row = {
        "provisioning_config.google_workspace.sync_users": "perhaps",
        "provisioning_config.google_workspace.sync_groups": "yes",
    }
    assert [column for column, _ in problems_of(row)] == ["provisioning_config.google_workspace.sync_users"]


@pytest.mark.parametrize("cell", ["[]", "5", '"x"', "null", "{"])
@pytest.mark.parametrize("outer", ["connection_config", "domain_aliases_config"])
def test_a_column_of_objects_refuses_what_is_none(outer, cell):
    row = {outer: cell, "display_name": "Acme", "domains": "a.example"}
    assert outer in [column for column, _ in problems_of(row)]


def test_two_bad_items_of_a_list_are_two_problems():
    assert [rule[:6] for _, rule in problems_of({"domains": "a b;ok.example;c d"})] == ["item 1", "item 3"]


def test_a_problem_shows_at_most_80_characters_of_the_value():
    (invalid,) = load({"display_name": "x" * 1_000_000}).invalid
    assert len(invalid.problems[0].value) == 80


def test_a_row_gets_a_connection_name_and_its_organization():
    assert body_of({"organization_name": "Müller & Söhne"}) == {
        "connection_config": {"name": "muller-sohne"},
        "enabled_organizations": [{"organization_id": "org_1"}],
    }


def test_the_two_short_names_speak_of_the_rows_organization():
    body = body_of({"assign_membership_on_login": "Yes", "organization_show_as_button": "0"})
    assert body["enabled_organizations"] == [
        {"organization_id": "org_1", "assign_membership_on_login": True, "show_as_button": False}
    ]


def test_a_list_of_organizations_replaces_the_default():
    assert body_of({"enabled_organizations": organizations(3)})["enabled_organizations"] == json.loads(organizations(3))


def test_domains_make_verification_optional_unless_it_is_given():
    verification = "domain_aliases_config.domain_verification"
    assert body_of({"domains": "a.example"})["domain_aliases_config"] == {
        "domain_verification": "optional",
        "pending_domains": ["a.example"],
    }
    given = body_of({"domains": "a.example", verification: "required"})
    assert given["domain_aliases_config"]["domain_verification"] == "required"


def test_domains_in_other_alphabets_are_sent_as_dns_knows_them():
    row = {"domains": "Bücher.example;xn--bcher-kva.example;ACME.example", "custom_domain": "login.bücher.example"}
    (prospect,) = load(row).valid
    encoded = ["xn--bcher-kva.example", "xn--bcher-kva.example", "ACME.example"]
    assert prospect.body["domain_aliases_config"]["pending_domains"] == encoded
    assert prospect.custom_domain == "login.xn--bcher-kva.example"


def test_many_domains_are_fine_for_several_organizations():
    body = body_of({"domains": domains(1000), "enabled_organizations": organizations(2)})
    assert len(body["domain_aliases_config"]["pending_domains"]) == 1000


def test_an_edit_ticket_has_no_connection_config():
    (prospect,) = load({"connection_id": "con_1", "enabled_features.sso": "1"}).valid
    assert prospect.connection_name == ""
    assert "connection_config" not in prospect.body


@pytest.mark.parametrize(
    ("cell", "default", "expected"), [("", 0, None), ("", 60, 60), ("", 60.0, 60), ("90", 60, 90), ("0", 60, None)]
)
def test_the_rows_life_span_wins_over_the_default(cell, default, expected):
    assert body_of({"ttl_sec": cell, "display_name": "a"}, default_ttl_sec=default).get("ttl_sec") == expected


@pytest.mark.parametrize("seconds", [-1, 432_001])
def test_a_default_life_span_out_of_bounds_is_refused(seconds):
    with pytest.raises(ProspectsError, match=f"ttl_sec {seconds}: must be 0 to 432000 seconds"):
        load({}, default_ttl_sec=seconds)


def test_the_same_value_under_both_names_is_no_conflict():
    row = {
        "connection_name": "acme",
        "connection_config.name": "acme",
        "connection_config": '{"name": "acme"}',
    }
    assert body_of(row)["connection_config"] == {"name": "acme"}


def test_null_is_sent_only_where_the_api_takes_it():
    row = {
        "connection_config.options.icon_url": "null",
        "connection_config.metadata.plan": "null",
        "provisioning_config.scopes": "get:users",
        "provisioning_config.token_lifetime": "null",
        "display_name": "null",
    }
    body = body_of(row)
    assert body["connection_config"]["options"] == {"icon_url": None}
    assert body["connection_config"]["metadata"] == {"plan": None}
    assert body["provisioning_config"]["token_lifetime"] is None
    assert body["connection_config"]["display_name"] == "null"


def test_aliases_that_skip_the_proof_are_warned_of_once():
    aliases = {"connection_config.options.domain_aliases": "a.example"}
    loaded = load(*({**aliases, "organization_id": f"org_{number}"} for number in range(12)), {})
    (warning,) = loaded.warnings
    assert warning.startswith("row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more: connection_config.options.domain")
    assert len(loaded.valid) == 13


def test_another_organizations_connection_name_is_refused_in_the_later_row():
    loaded = load(
        {"organization_id": "org_1", "organization_name": "Acme"},
        {"organization_id": "org_1", "organization_name": "Acme"},
        {"organization_id": "org_2", "organization_name": "ACME!"},
        {"organization_id": "org_3", "connection_name": "acme"},
        {"organization_id": "org_4", "organization_name": "Acme", "connection_name": "acme-4"},
    )
    assert [prospect.row for prospect in loaded.valid] == [1, 2, 5]
    assert [str(invalid.problems[0]) for invalid in loaded.invalid] == [
        f"row {row}, column connection_name, value 'acme': connection name 'acme' is used by organization"
        " org_1 in row 1 already: set connection_name to another one"
        for row in (3, 4)
    ]


def test_an_invalid_row_keeps_its_connection_name_from_others():
    loaded = load(
        {"organization_id": "org_1", "organization_name": "Acme", "ttl_sec": "soon"},
        {"organization_id": "org_2", "organization_name": "Acme"},
    )
    assert [invalid.row for invalid in loaded.invalid] == [1, 2]
