"""Single rows: what breaks the schema or a rule beyond it is named with its column."""

from __future__ import annotations

import json

import pytest

from tests.unit.include.prospects.inputs import load, problems_of

VERIFICATION = "domain_aliases_config.domain_verification"
DISCOVERY = "use_for_organization_discovery"
BUTTON = "organization_show_as_button"
SYNC_USERS, SYNC_GROUPS = (f"provisioning_config.google_workspace.sync_{what}" for what in ("users", "groups"))
CONFIG = "connection_config"
METADATA, OPTIONS = f"{CONFIG}.metadata", f"{CONFIG}.options"
IDP = f"{OPTIONS}.idpinitiated"
NO_LIST = "must be values between semicolons or a JSON list, without null"


def organizations(count):
    return json.dumps([{"organization_id": f"org_{number}"} for number in range(1, count + 1)])


def two(second, **fields):
    """Return two organizations; keywords are further fields of the second one."""
    return json.dumps([{"organization_id": "org_1"}, {"organization_id": second, **fields}])


def domains(count):
    return ";".join(f"d{number}.example" for number in range(count))


# What the sample of bad rows (test_bad_rows.py) doesn't have: cells, the column to blame, and how its rule begins.
BAD = [
    ({"enabled_features": "{}", "connection_id": "con_1"}, "enabled_features", "must set at least one of"),
    ({"domains": domains(101)}, "domains", "must be at most 100 domains for one organization, not 101"),
    ({"domains": domains(1001), "enabled_organizations": organizations(2)}, "domains", "must have at most 1000"),
    ({"domains": "x;" * 150_000}, "domains", "must have at most 1000 of them"),
    (
        {DISCOVERY: "yes", VERIFICATION: "required", "enabled_organizations": organizations(2)},
        DISCOVERY,
        "needs exactly one organization in enabled_organizations",
    ),
    ({DISCOVERY: "yes", VERIFICATION: "none"}, DISCOVERY, f"needs {VERIFICATION} optional or required"),
    ({BUTTON: "no", "enabled_organizations": organizations(1)}, BUTTON, "is overruled by column enabled_organizations"),
    ({"domain_aliases_config.pending_domains": "a.example"}, VERIFICATION, "is required"),
    ({SYNC_GROUPS: "yes"}, SYNC_USERS, "is required"),
    # A cell that can't be read is not reported as missing too.
    ({SYNC_GROUPS: "yes", SYNC_USERS: "perhaps"}, SYNC_USERS, "must be true or false"),
    ({"provisioning_config": '{"scopes": []}'}, "provisioning_config", "scopes: must have at least 1 of them"),
    ({METADATA: json.dumps({f"k{n}": "v" for n in range(11)})}, METADATA, "must have at most 10 of them"),
    ({f"{METADATA}.plan": "x" * 256}, f"{METADATA}.plan", "must be at most 255 characters long"),
    ({METADATA: json.dumps({"k" * 256: "v"})}, METADATA, "kkk"),
    ({METADATA: '{"plan": 5}'}, METADATA, "plan: must be a text"),
    ({CONFIG: '{"display_name": "a"}', "display_name": "b"}, "display_name", f"differs from what column {CONFIG} says"),
    ({CONFIG: "5"}, CONFIG, "must be an object"),
    ({CONFIG: "[NaN]"}, CONFIG, "must be JSON, which has no NaN"),
    ({CONFIG: "null"}, CONFIG, "must be a value, but is what a program writes for a missing one: empty the cell"),
    ({CONFIG: '{"nmae": "a"}'}, CONFIG, "nmae: is not a field that the API knows"),
    ({OPTIONS: '{"icon_url": 5}'}, OPTIONS, "icon_url: must be a text"),
    ({f"{IDP}.client_authorizequery": "x" * 257}, f"{IDP}.client_authorizequery", "must be at most 256 characters"),
    ({f"{IDP}.client_protocol": "saml"}, f"{IDP}.client_protocol", "must be 'samlp', 'wsfed' or 'oauth2'"),
    ({f"{OPTIONS}.domain_aliases": "a.example;b_example"}, f"{OPTIONS}.domain_aliases", "item 2: must be a domain"),
    ({"enabled_clients": '["a", ""]'}, "enabled_clients", "item 2: must be at least 1 characters long"),
    ({"enabled_clients": '{"client_id": "a"}'}, "enabled_clients", NO_LIST),
    ({"enabled_clients": "a;null"}, "enabled_clients", NO_LIST),
    ({"enabled_clients": "a; []"}, "enabled_clients", NO_LIST),
    ({"enabled_clients": "a;b\x01"}, "enabled_clients", "item 2: must be one client id"),
    ({"enabled_clients": '["a", "b c"]'}, "enabled_clients", "item 2: must be one client id"),
    ({"enabled_clients": '["a|b"]'}, "enabled_clients", "item 1: must be one client id"),
    ({"enabled_clients": '["a,b"]'}, "enabled_clients", "item 1: must be one client id"),
    ({"enabled_clients": '["a;b"]'}, "enabled_clients", "item 1: must be one client id"),
    ({"enabled_clients": "a; NULL"}, "enabled_clients", "item 2: must be a value, but is what a program writes"),
    ({"enabled_clients": '["#N/A"]'}, "enabled_clients", "item 1: must be a value, but is a spreadsheet's error"),
    ({"enabled_clients": "a,#REF!"}, "enabled_clients", "item 2: must be a value, but is a spreadsheet's error"),
    ({"enabled_clients": '["\\ud800"]'}, "enabled_clients", "item 1: must not contain half of a surrogate pair"),
    ({"enabled_organizations": '"org_1"'}, "enabled_organizations", "must be a list"),
    ({"enabled_organizations": two("org_2", x=1)}, "enabled_organizations", "item 2, x: is not a field"),
    ({"enabled_organizations": two("org_1", show_as_button=True)}, "enabled_organizations", "has org_1 twice with"),
    ({"enabled_organizations": two("Acme")}, "enabled_organizations", "item 2, organization_id: must begin with org_"),
    ({"ttl_sec": "-1"}, "ttl_sec", "must be at least 0"),
    ({"prospect_email": "it@a.example\r\nBcc: x@b.example"}, "prospect_email", "must be one e-mail address"),
    ({"prospect_email": "IT <it@a.example>"}, "prospect_email", "must be one e-mail address"),
    ({"prospect_name": "n" * 256}, "prospect_name", "must be at most 255 characters long"),
    ({"language": "German language"}, "language", "must be a language tag, such as de or pt-BR, but has ' ' (SPACE)"),
    ({"language": "../de"}, "language", "must be a language tag, such as de or pt-BR, but has '.' (FULL STOP)"),
    ({"language": "de_AT"}, "language", "must be a language tag, such as de or pt-BR, but has '_' (LOW LINE)"),
    ({"language": "de-"}, "language", "must be a language tag"),
    ({"language": "d"}, "language", "must be a language tag"),
    ({"language": "de\r\nBcc: x@b.example"}, "language", "must be a language tag"),
    ({"language": "de" + "-abcdefg" * 5}, "language", "must be at most 35 characters long"),
    ({"custom_domain": "ab"}, "custom_domain", "must be at least 3 characters long"),
    ({"custom_domain": "a.example\r\nx: y"}, "custom_domain", "must be a domain name"),
    ({"custom_domain": "ü" * 60 + ".example"}, "custom_domain", "must be a domain name"),
    ({"domains": "a\u0660\u06f0.example"}, "domains", "item 1: must be a domain name"),
    ({"organization_id": "Acme"}, "organization_id", "must begin with org_"),
    ({"organization_id": "org_"}, "organization_id", "must begin with org_ and go on"),
    ({"enabled_organizations": two("org_")}, "enabled_organizations", "item 2, organization_id: must begin with org_ "),
    ({"connection_id": "con_1/../x"}, "connection_id", "must be letters A-Z or a-z, digits, '_' or '-'"),
    ({"display_name": "x" * 1_000_000}, "display_name", "must be at most 400000 characters long"),
    *(
        ({column: cell}, column, "must be JSON, but is nested too deeply")
        for column in (CONFIG, "enabled_organizations")
        for cell in ("[" * 100_000, '{"a":' * 50_000)
    ),
]


@pytest.mark.parametrize(("row", "column", "rule"), BAD)
def test_a_broken_rule_is_named_with_its_column(row, column, rule):
    (problem,) = problems_of(row)
    assert problem.column == column
    assert problem.rule.startswith(rule)
    assert len(problem.value) <= 80


def test_a_domain_that_is_given_twice_counts_once():
    assert not load({"domains": domains(100) + ";D0.example"}).invalid


def test_a_line_break_in_a_name_is_called_one():
    (problem,) = problems_of({"prospect_name": "two\nlines"})
    assert problem.rule.endswith("U+000A, at character 4: remove this line break")


def test_a_row_has_all_its_problems_at_once():
    row = {
        "organization_id": "org 1",
        "prospect_email": "nobody",
        "ttl_sec": "soon",
        "display_name": "x" * 129,
        "connection_id": "con_1",
        "enabled_features.provisioning": "yes",
        "assign_membership_on_login": "perhaps",
    }
    assert {problem.column for problem in problems_of(row)} == set(row)


@pytest.mark.parametrize("cell", ["[]", "5", '"x"', "null", "{"])
@pytest.mark.parametrize("outer", ["connection_config", "domain_aliases_config"])
def test_a_column_of_objects_refuses_other_values(outer, cell):
    row = {outer: cell, "display_name": "Acme", "domains": "a.example"}
    assert outer in [problem.column for problem in problems_of(row)]


def test_a_list_of_bad_items_has_its_first_problems_and_a_count():
    assert [problem.rule[:6] for problem in problems_of({"domains": "a_b;ok.example;c_d"})] == ["item 1", "item 3"]
    problems = problems_of({"domains": "x;" * 1_000})
    assert len(problems) == 10
    assert problems[-1].rule.endswith(" (and 990 more problems of this row)")


@pytest.mark.parametrize("levels", [200, 900])
def test_two_columns_that_differ_deep_within_make_their_row_invalid(levels):
    one, other = ("[" * levels + text + "]" * levels for text in ('"a"', '"b"'))
    assert problems_of({"domains": one, "domain_aliases_config.pending_domains": other})


@pytest.mark.parametrize(
    ("column", "cell", "name", "place"),
    [
        ("organization_id", "\u043erg_1", "CYRILLIC SMALL LETTER O", 1),
        ("organization_id", "org_1\u202e", "RIGHT-TO-LEFT OVERRIDE", 6),
        ("organization_id", "org\x7f_1", "U+007F, which has no name", 4),
        ("connection_name", "acme\u2013saml", "EN DASH", 5),
        ("connection_config", '{"name": "acme\\u00a0saml"}', "NO-BREAK SPACE", 5),
        ("prospect_email", "\ufeffada@a.example", "ZERO WIDTH NO-BREAK SPACE", 1),
        ("domains", "a.example; b.example\ufeff", "ZERO WIDTH NO-BREAK SPACE", 10),
        ("domains", "ok.example https://\u0430cme.example/", "CYRILLIC SMALL LETTER A", 9),
        ("domains", "прив\u0065т.example", "LATIN SMALL LETTER E", 5),
        ("custom_domain", "login.\u0430cme.example", "CYRILLIC SMALL LETTER A", 7),
        ("prospect_email", "ada@\u0430cme.example", "CYRILLIC SMALL LETTER A", 5),
        (f"{OPTIONS}.icon_url", "https://bücher.example/", "LATIN SMALL LETTER U WITH DIAERESIS", 10),
    ],
)
def test_a_character_that_looks_right_or_is_invisible_is_named_and_placed(column, cell, name, place):
    (problem,) = problems_of({"display_name": "x", column: cell})
    assert f"({name}) at character {place}" in problem.rule


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\t", "\n", "\r", "\x1b"])
def test_a_control_character_in_a_name_is_named_and_placed(character):
    (problem,) = problems_of({"organization_name": f"Acme{character}Inc"})
    assert f"unprintable character U+{ord(character):04X}, at character 5" in problem.rule
