"""Default connection names, and the identity of a prospect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.prospects import load_prospects
from include.prospects.naming import default_connection_name, prospect_key
from include.prospects.schema.formats import CONNECTION_NAME


@pytest.mark.parametrize(
    ("organization_name", "organization_id", "expected"),
    [
        ("Acme", "org_1", "acme"),
        ("  Ärger & Söhne -- GmbH ", "org_1", "arger-sohne-gmbh"),
        ("株式会社", "org_1", "zhu-shi-hui-she"),
        ("!!!", "org_A1", "org-a1"),
        ("", "___", "organization"),
    ],
)
def test_a_connection_is_named_after_its_organization(organization_name, organization_id, expected):
    assert default_connection_name(organization_name, organization_id) == expected


@settings(deadline=None)
@given(st.text(max_size=600), st.text("abcABC09_-", max_size=50))
def test_a_default_name_is_always_valid(organization_name, organization_id):
    name = default_connection_name(organization_name, organization_id)
    assert CONNECTION_NAME.fullmatch(name)
    assert len(name) <= 128


@pytest.mark.parametrize(
    ("email", "name", "connection", "expected"),
    [
        ("Ada@Example.COM", "Ada", "", "ada@example.com"),
        ("ada@example.com", "", "acme-saml", "ada@example.com|acme-saml"),
        ("", "Ada", "con_1", "ada|con_1"),
        ("", "", "", ""),
        ("", "Zoe\u0308", "", "zo\u00eb"),
        ("Zoe\u0308@example.com", "", "", "zo\u00eb@example.com"),
        ("Wei\u00df@example.com", "", "", "wei\u00df@example.com"),
        # The ledger has such keys: another set of characters to leave out would create second links.
        ("", "Ada \u2764\ufe0f", "", "ada \u2764\ufe0f"),
        ("", "\u3164Ada", "", "\u3164ada"),
    ],
)
def test_a_prospects_key_is_address_or_name_and_explicit_connection(email, name, connection, expected):
    assert prospect_key(email, name, connection) == expected


@pytest.mark.parametrize(
    "name", ["ADA LOVELACE", "Ada\u00a0Lovelace", "Ada  Lovelace", "Ada Lovelace\u200b", "\ufeffAda Love\u00adlace"]
)
def test_a_name_that_reads_the_same_is_the_same_prospect(name):
    loaded = load_prospects(None, text=f"prospect_name,organization_id\nAda Lovelace,org_1\n{name},org_1\n")
    assert [prospect.prospect for prospect in loaded.valid] == ["ada lovelace"] * 2
    assert loaded.valid[1].prospect_name == name.strip()


def test_a_connection_name_that_is_the_default_makes_no_other_prospect():
    text = (
        "organization_id,organization_name,prospect_email,connection_name\n"
        "org_1,Acme AG,it@acme.example,\n"
        "org_1,Acme AG,it@acme.example,acme-ag\n"
        "org_1,Acme AG,it@acme.example,acme-saml\n"
        "org_2,,it@acme.example,org-2\n"
    )
    assert [prospect.prospect for prospect in load_prospects(None, text=text).valid] == [
        "it@acme.example",
        "it@acme.example",
        "it@acme.example|acme-saml",
        "it@acme.example",
    ]


def test_the_default_name_within_an_object_makes_no_other_prospect_either():
    text = 'organization_id;connection_config\norg_1;"{""name"": ""org-1""}"\n'
    assert [prospect.prospect for prospect in load_prospects(None, text=text).valid] == [""]


people = st.tuples(st.text("a|b", max_size=4), st.text("ab-", max_size=3))


@settings(deadline=None)
@given(people, people)
def test_different_prospects_never_share_a_key(one, other):
    assert (prospect_key("", *one) == prospect_key("", *other)) == (one == other)
