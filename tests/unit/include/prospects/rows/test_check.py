"""Single rows that are valid: defaults, short names, and the request body."""

from __future__ import annotations

import json

import pytest

from include.prospects import ProspectsError
from tests.unit.include.prospects.inputs import body_of, load

VERIFICATION = "domain_aliases_config.domain_verification"
ALIASES = "connection_config.options.domain_aliases"
ORGANIZATIONS = [{"organization_id": f"org_{number}"} for number in range(1, 4)]


def test_a_row_gets_a_connection_name_and_its_organization():
    assert body_of({"organization_name": "Müller & Söhne"}) == {
        "connection_config": {"name": "muller-sohne"},
        "enabled_organizations": [{"organization_id": "org_1"}],
    }


def test_the_two_short_names_are_settings_of_the_rows_organization():
    body = body_of({"assign_membership_on_login": "Yes", "organization_show_as_button": "0"})
    assert body["enabled_organizations"] == [
        {"organization_id": "org_1", "assign_membership_on_login": True, "show_as_button": False}
    ]


def test_a_list_of_organizations_replaces_the_default_and_may_have_a_thousand_domains():
    domains = [f"d{number}.example" for number in range(1_000)]
    body = body_of({"domains": ";".join(domains), "enabled_organizations": json.dumps(ORGANIZATIONS)})
    assert body["enabled_organizations"] == ORGANIZATIONS
    assert body["domain_aliases_config"]["pending_domains"] == domains


def test_domains_make_verification_optional_unless_it_is_given():
    assert body_of({"domains": "a.example"})["domain_aliases_config"] == {
        "domain_verification": "optional",
        "pending_domains": ["a.example"],
    }
    given = body_of({"domains": "a.example", VERIFICATION: "required"})
    assert given["domain_aliases_config"]["domain_verification"] == "required"


def test_domains_in_other_alphabets_are_sent_in_dns_form():
    row = {"domains": "Bücher.example;xn--bcher-kva.example;ACME.example", "custom_domain": "Login.bücher.example"}
    (prospect,) = load(row).valid
    encoded = ["xn--bcher-kva.example", "acme.example"]
    assert prospect.body["domain_aliases_config"]["pending_domains"] == encoded
    assert prospect.custom_domain == "login.xn--bcher-kva.example"


@pytest.mark.parametrize(
    "row",
    [
        {"domains": "ACME.example;b.example;acme.EXAMPLE"},
        {"domains": '["ACME.example", "b.example", "acme.EXAMPLE"]'},
        {"domain_aliases_config.pending_domains": "Acme.Example;b.example;Acme.Example", VERIFICATION: "optional"},
        {
            "domain_aliases_config": json.dumps(
                {"domain_verification": "optional", "pending_domains": ["acme.example", "B.example", "ACME.example"]}
            )
        },
    ],
)
def test_pending_domains_are_sent_in_small_letters_and_each_once_however_they_are_given(row):
    assert body_of(row)["domain_aliases_config"]["pending_domains"] == ["acme.example", "b.example"]


@pytest.mark.parametrize(
    "row",
    [
        {ALIASES: "ACME.example;acme.example"},
        {ALIASES: '["ACME.example", "acme.example"]'},
        {"connection_config.options": '{"domain_aliases": ["ACME.example", "acme.example"]}'},
        {"connection_config": '{"name": "a", "options": {"domain_aliases": ["Acme.example", "acme.EXAMPLE"]}}'},
    ],
)
def test_domain_aliases_are_sent_in_small_letters_and_each_once_however_they_are_given(row):
    assert body_of(row)["connection_config"]["options"]["domain_aliases"] == ["acme.example"]


def test_lists_that_are_sets_to_the_api_hold_each_item_once_in_the_order_given():
    organizations = [{"organization_id": "org_1", "show_as_button": True}, {"organization_id": "org_2"}]
    body = body_of(
        {
            "enabled_clients": "b;a;b",
            "provisioning_config.scopes": "post:users, get:users\npost:users",
            "enabled_organizations": json.dumps([*organizations, organizations[0]]),
        }
    )
    assert body["enabled_clients"] == ["b", "a"]
    assert body["provisioning_config"]["scopes"] == ["post:users", "get:users"]
    assert body["enabled_organizations"] == organizations


@pytest.mark.parametrize(
    ("domain", "sent"),
    [
        ("mu\u0308nchen.example", "xn--mnchen-3ya.example"),
        ("भारत.भारत", "xn--h2brj9c.xn--h2brj9c"),
        ("ที่.ไทย", "xn--o3c4dtc.xn--o3cw4h"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("παράδειγμα.example", "xn--hxajbheg2az3al.example"),
        ("acme.рф", "acme.xn--p1ai"),
    ],
)
def test_a_domain_of_any_alphabet_is_sent_in_dns_form(domain, sent):
    body = body_of({"domains": domain, "prospect_email": f"ada@{domain.rstrip('。').replace('。', '.')}"})
    assert body["domain_aliases_config"]["pending_domains"] == [sent]


@pytest.mark.parametrize("address", ["ада@пример.рф", "ada@пример.рф", "jörg@acme.example", "αδα@acme.example"])
def test_an_address_may_have_other_letters_if_none_only_looks_right(address):
    assert load({"prospect_email": address}).valid[0].prospect_email == address


@pytest.mark.parametrize("between", [", ", "|", " ", "\n", ";", "\u00a0"])
def test_clients_may_be_divided_by_whatever_no_client_id_holds(between):
    assert body_of({"enabled_clients": f"abc{between}def"})["enabled_clients"] == ["abc", "def"]


@pytest.mark.parametrize("between", [",", ", ", "\n", "\r\n", " ", "\t", "\u00a0", " | ", "|", " ; ", ",\n", ";;"])
def test_domains_may_be_divided_by_whatever_no_domain_holds(between):
    body = body_of({"domains": f"a.example{between}b.example{between}"})
    assert body["domain_aliases_config"]["pending_domains"] == ["a.example", "b.example"]


@pytest.mark.parametrize(
    "domain",
    [
        "https://acme.example/", "http://acme.example", "HTTPS://Acme.example//", "acme.example/", "acme.example.",
        "*.acme.example", "@acme.example", ".acme.example", "https://*.acme.example./",
    ],
)  # fmt: skip
@pytest.mark.parametrize("cell", ["b.example;{}", '["b.example", "{}"]'])
def test_what_is_around_a_domain_is_cut_off_with_a_warning_that_shows_both(domain, cell):
    loaded = load({}, {"organization_id": "org_2", "domains": cell.format(domain), "enabled_clients": "a"})
    assert loaded.valid[1].body["domain_aliases_config"]["pending_domains"] == ["b.example", "acme.example"]
    assert loaded.warnings == [f"row 2 ({domain} is acme.example): what is around the domain was cut off"]


def test_an_edit_ticket_has_no_connection_config():
    (prospect,) = load({"connection_id": "con_1", "enabled_features.sso": "1"}).valid
    assert prospect.connection_name == ""
    assert "connection_config" not in prospect.body


@pytest.mark.parametrize(
    ("cell", "default", "expected"), [("", 0, None), ("", 60, 60), ("", 60.0, 60), ("90", 60, 90), ("0", 60, None)]
)
def test_the_rows_lifetime_wins_over_the_default(cell, default, expected):
    assert body_of({"ttl_sec": cell, "display_name": "a"}, default_ttl_sec=default).get("ttl_sec") == expected


@pytest.mark.parametrize("seconds", [-1, 432_001])
def test_a_default_lifetime_out_of_bounds_is_refused(seconds):
    with pytest.raises(ProspectsError, match=f"ttl_sec {seconds}: must be 0 to 432000 seconds"):
        load({}, default_ttl_sec=seconds)


def test_the_same_value_in_several_columns_is_no_conflict():
    row = {"connection_name": "acme", "connection_config.name": "acme", "connection_config": '{"name": "acme"}'}
    assert body_of(row)["connection_config"] == {"name": "acme"}


def test_null_is_sent_only_where_the_api_takes_it():
    row = {
        "connection_config.options.icon_url": "null",
        "connection_config.metadata.plan": "null",
        "provisioning_config.scopes": "get:users",
        "provisioning_config.token_lifetime": "null",
    }
    body = body_of(row)
    assert body["connection_config"]["options"] == {"icon_url": None}
    assert body["connection_config"]["metadata"] == {"plan": None}
    assert body["provisioning_config"]["token_lifetime"] is None


@pytest.mark.parametrize("around", [" ", "\t", "\u3000"])
def test_white_space_around_a_cell_does_not_count(around):
    (prospect,) = load({"organization_id": f"{around}org_1{around}", "prospect_name": f"Ada{around}"}).valid
    assert (prospect.organization_id, prospect.prospect_name) == ("org_1", "Ada")


@pytest.mark.parametrize("text", ["=1+1", "\uff1d1", "&#x110000;", "&#0;", "&unknown;"])
def test_a_formula_or_an_entity_in_a_name_is_text(text):
    (prospect,) = load({"organization_name": text, "display_name": text}).valid
    assert (prospect.organization_name, prospect.body["connection_config"]["display_name"]) == (text, text)
    assert prospect.connection_name


def test_domain_aliases_are_in_one_warning():
    aliases = {"connection_config.options.domain_aliases": "a.example"}
    loaded = load(*({**aliases, "organization_id": "org_1"} for number in range(12)), {})
    (warning,) = loaded.warnings
    assert warning.startswith("row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more: Auth0 takes connection_config.options.")
    assert len(loaded.valid) == 13
