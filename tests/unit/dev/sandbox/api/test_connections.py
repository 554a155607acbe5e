"""The connections that exist, those that organizations have, and their domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NewClient = Callable[..., Any]
ENABLED = "organizations/org_1/enabled_connections"
DOMAINS = "organizations/org_1/discovery-domains"


def ticket(client: Any, name: str, *, verification: str = "optional", domains: int = 1, **fields: Any) -> str:
    """Return the URL of a ticket for org_1 whose customer has domains to verify."""
    pending = [f"{name}{number}.example" for number in range(domains)]
    organization = {"organization_id": "org_1", "assign_membership_on_login": True, "show_as_button": False}
    body = {
        "connection_config": {"name": name},
        "enabled_clients": ["client_1"],
        "enabled_organizations": [organization],
        "domain_aliases_config": {"domain_verification": verification, "pending_domains": pending},
    }
    url: str = client.create(body={**body, **fields}).json()["ticket"]
    return url


def test_a_connection_shows_what_its_ticket_and_its_customer_have_chosen(client: Any) -> None:
    config = {"name": "acme", "display_name": "Acme Inc", "options": {"domain_aliases": ["known.example"]}}
    url = ticket(client, "acme", connection_config=config)
    client.take(url, "set_up", strategy="samlp")
    (connection,) = client.read("connections").json()
    assert connection["options"] == {"domain_aliases": ["known.example"]}, "no domain is verified yet"

    client.take(url, "finish")
    (connection_id,) = client.tenant.connections
    assert client.read("connections").json() == [
        {
            "id": connection_id,
            "name": "acme",
            "display_name": "Acme Inc",
            "strategy": "samlp",
            "realms": ["acme"],
            "is_domain_connection": False,
            "show_as_button": True,
            "metadata": {},
            "enabled_clients": ["client_1"],
            "options": {"domain_aliases": ["known.example", "acme0.example"]},
        }
    ]


def test_the_options_need_a_scope_of_their_own(new_client: NewClient) -> None:
    client = new_client(scopes=("read:connections",), connections={"con_1": "acme"})
    (connection,) = client.read("connections").json()
    assert connection["name"] == "acme"
    assert "options" not in connection


def test_connections_are_found_by_their_whole_name_and_by_any_of_several_strategies(client: Any) -> None:
    for name, strategy in (("acme", "samlp"), ("acme-2", "okta"), ("globex", "oidc")):
        client.take(client.ticket_url(name), "set_up", strategy=strategy)

    def found(**parameters: Any) -> list[str]:
        return [connection["name"] for connection in client.read("connections", **parameters).json()]

    assert found(name="acme") == ["acme"]
    assert found(name="acm") == found(name="Acme") == []
    assert found(strategy="okta") == ["acme-2"]
    assert found(strategy=["okta", "oidc"]) == ["acme-2", "globex"]
    assert found(strategy=["okta", "oidc"], name="globex") == ["globex"]


def test_connections_are_read_by_checkpoint_until_no_next_comes(new_client: NewClient) -> None:
    client = new_client(connections={f"con_{number}": f"c{number}" for number in range(5)})
    pages, parameters = [], {"take": 2, "fields": "name", "include_totals": "true"}
    while parameters:
        page = client.read("connections", **parameters).json()
        pages.append([connection["name"] for connection in page["connections"]])
        assert page["connections"][0].keys() == {"name"}
        parameters = {"from": page["next"], "take": 2, "fields": "name"} if "next" in page else {}
    assert pages == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert "next" not in client.read("connections", take=5).json()
    unknown = client.read("connections", **{"from": "con_9"})
    assert (unknown.status_code, unknown.json()["errorCode"]) == (400, "invalid_query_string")


def test_connections_are_read_by_page_as_an_array_or_with_totals(new_client: NewClient) -> None:
    client = new_client(connections={f"con_{number}": f"c{number}" for number in range(60)})
    assert len(client.read("connections").json()) == 50
    assert [one["id"] for one in client.read("connections", page=1, per_page=59).json()] == ["con_59"]
    body = client.read("connections", page=1, per_page=59, include_totals="true", fields="id").json()
    assert body == {"start": 59, "limit": 59, "total": 60, "connections": [{"id": "con_59"}]}
    assert client.read("connections", per_page=101).status_code == 400
    assert client.read("connections", page=10, per_page=100).json()["errorCode"] == "invalid_paging"


def test_an_organization_has_a_connection_from_when_it_is_enabled(client: Any) -> None:
    url = ticket(client, "acme")
    client.http.get(url)
    client.take(url, "set_up", "verify")
    assert client.read(ENABLED).json() == []
    client.take(url, "enable")
    (connection_id,) = client.tenant.connections
    enabled = {
        "connection_id": connection_id,
        "assign_membership_on_login": True,
        "show_as_button": False,
        "is_signup_enabled": False,
        "connection": {"name": "acme", "strategy": "oidc"},
    }
    assert client.read(ENABLED).json() == [enabled]
    totals = {"start": 0, "limit": 50, "total": 1, "enabled_connections": [enabled]}
    assert client.read(ENABLED, include_totals="true").json() == totals
    assert client.read(ENABLED, page=1, per_page=1).json() == []
    assert client.read("organizations/org_2/enabled_connections").json() == []


def test_a_connection_that_is_set_up_without_clients_is_enabled_for_no_organization(client: Any) -> None:
    client.http.post(ticket(client, "acme", enabled_clients=[]))
    assert [connection["name"] for connection in client.read("connections").json()] == ["acme"]
    assert client.read(ENABLED).json() == []


def test_another_organization_of_an_edit_ticket_has_the_connection_only_after_that_setup(client: Any) -> None:
    client.http.post(ticket(client, "acme"))
    (connection_id,) = client.tenant.connections
    edit = {
        "connection_id": connection_id,
        "enabled_clients": ["c"],
        "enabled_organizations": [{"organization_id": "o2"}],
    }
    url = client.create(body=edit).json()["ticket"]
    client.take(url, "set_up")
    assert client.read("organizations/o2/enabled_connections").json() == []
    client.take(url, "enable")
    (enabled,) = client.read("organizations/o2/enabled_connections").json()
    assert (enabled["connection"]["name"], enabled["show_as_button"]) == ("acme", True)
    assert len(client.read(ENABLED).json()) == 1


def test_the_domains_of_an_organization_are_pending_until_they_are_verified(client: Any) -> None:
    url = ticket(client, "acme", domains=3, use_for_organization_discovery=True)
    assert client.read(DOMAINS).json() == {"domains": []}
    client.take(url, "set_up")
    first = client.read(DOMAINS, take=2).json()
    rest = client.read(DOMAINS, take=2, **{"from": first["next"]}).json()
    assert rest.keys() == {"domains"}
    domains = first["domains"] + rest["domains"]
    assert [(one["domain"], one["status"]) for one in domains] == [
        (f"acme{number}.example", "pending") for number in range(3)
    ]
    assert {one["use_for_organization_discovery"] for one in domains} == {True}
    assert domains[0]["verification_host"] == "_auth0-challenge.acme0.example"
    assert domains[0]["verification_txt"].startswith("auth0-domain-verification=")

    client.take(url, "verify")
    verified = client.read(DOMAINS).json()["domains"]
    assert verified == [{**domain, "status": "verified"} for domain in domains]
    assert client.read("organizations/org_2/discovery-domains").json() == {"domains": []}
    assert client.read(DOMAINS, take=101).status_code == 400


def test_a_domain_that_is_verified_stays_so_when_another_ticket_names_it_again(client: Any) -> None:
    client.http.post(ticket(client, "acme", domains=2))
    (connection_id,) = client.tenant.connections
    names = ["acme1.example", "acme2.example"]
    edit = {
        "connection_id": connection_id,
        "enabled_organizations": [{"organization_id": "org_1"}],
        "domain_aliases_config": {"domain_verification": "optional", "pending_domains": names},
    }
    client.take(client.create(body=edit).json()["ticket"], "set_up")
    domains = client.read(DOMAINS).json()["domains"]
    assert [(one["domain"], one["status"]) for one in domains] == [
        ("acme0.example", "verified"),
        ("acme1.example", "verified"),
        ("acme2.example", "pending"),
    ]
