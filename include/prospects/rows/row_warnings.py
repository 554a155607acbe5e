"""
Warnings about valid rows that may not lead to what their author wants; each kind is one warning.

Sources: Auth0 documentation, "Manage Self-Service Enterprise Configuration" and "Entity Limit Policy".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from auth0_sso.models import TicketRequest, listed, shown

from include.prospects.naming import prospect_key
from include.prospects.rows.mail_providers import MAIL_PROVIDERS
from include.prospects.rows.rules import MAX_DOMAINS_OF_ONE_ORGANIZATION
from include.prospects.schema.models import USER_SCOPES
from include.prospects.schema.values import MAX_ITEMS

MAX_CONNECTIONS = 10
"""Connections that Auth0 allows an organization."""

_MAX_NAMED = 10
_MANY_FOR_ONE = MAX_DOMAINS_OF_ONE_ORGANIZATION * 4 // 5
_MANY_FOR_SEVERAL = MAX_ITEMS * 4 // 5
"""From this number of domains on, those that exist already may make them too many."""

Findings = Iterator[tuple[int, str]]


def row_warning(text: str, findings: Iterable[tuple[int, str]]) -> list[str]:
    """
    Return a warning that names ten rows and counts the others; none without findings.

    :param findings: number of each row and, for brackets behind it, what is found there; a row counts once.
    """
    details: dict[int, str] = {}
    for row, detail in findings:
        details.setdefault(row, detail)
    if not details:
        return []
    rows = [f"{row} ({detail})" if detail else str(row) for row, detail in sorted(details.items())]
    return [f"row {listed(rows, _MAX_NAMED)}: {text}"]


def warnings_about(valid: Sequence[TicketRequest]) -> list[str]:
    """Return the warnings about the valid rows of an input."""
    domains = [_domains_of(request.body) for request in valid]
    found = [warning for text, find in _OF_DOMAINS for warning in row_warning(text, find(valid, domains))]
    return found + [warning for text, find in _OF_ROWS for warning in row_warning(text, find(valid))]


def other_prospects(valid: Iterable[TicketRequest]) -> Iterator[tuple[TicketRequest, TicketRequest]]:
    """Yield each row of another person or profile for a connection that an earlier row is for, and that row."""
    first: dict[str, TicketRequest] = {}
    for request in valid:
        earlier = first.setdefault(request.connection, request)
        if earlier is not request and _who(earlier) != _who(request):
            yield request, earlier


def _who(request: TicketRequest) -> tuple[str, str, str]:
    """Return what makes two links of one connection: the organization, the person in it, and the profile."""
    person = prospect_key(request.prospect_email, request.prospect_name, "")
    return request.organization_id, person, request.profile_id


def _sharing(valid: Sequence[TicketRequest]) -> Findings:
    for request, earlier in other_prospects(valid):
        yield request.row, f"{request.connection}, as row {earlier.row}"


def _with_aliases(valid: Sequence[TicketRequest]) -> Findings:
    return ((request.row, "") for request in valid if aliases_of(request.body))


def _with_few_scopes(valid: Sequence[TicketRequest]) -> Findings:
    for request in valid:
        scopes = request.body.get("provisioning_config", {}).get("scopes")
        if scopes and not set(USER_SCOPES).issubset(scopes):
            yield request.row, ""


def _beyond_ten_connections(valid: Sequence[TicketRequest]) -> Findings:
    new = [request for request in valid if request.connection_name]
    rows = Counter(organization for request in new for organization in _organizations_of(request))
    names: dict[str, set[str]] = {
        organization: set() for organization, count in rows.items() if count > MAX_CONNECTIONS
    }
    for request in new if names else ():
        for organization in names.keys() & _organizations_of(request):
            known = names[organization]
            known.add(request.connection_name)
            if len(known) > MAX_CONNECTIONS:
                yield request.row, organization


AllDomains = Sequence[Sequence[str]]
"""The domains of each of the valid rows."""


def _in_two_organizations(valid: Sequence[TicketRequest], all_domains: AllDomains) -> Findings:
    repeated = _perhaps_repeated(all_domains)
    first: dict[str, TicketRequest] = {}
    for request, domains in zip(valid, all_domains, strict=True):
        for domain in domains:
            if domain in repeated:
                earlier = first.setdefault(domain, request)
                if earlier.organization_id != request.organization_id:
                    yield request.row, f"{shown(domain)}, as row {earlier.row}"


def _perhaps_repeated(all_domains: AllDomains) -> set[str]:
    """Return all domains that are there twice, and some others; millions of domains take a few bytes each."""
    mask = (1 << (4 * sum(map(len, all_domains))).bit_length()) - 1
    seen = bytearray(mask + 1)
    repeated = set()
    for domains in all_domains:
        for domain in domains:
            place = hash(domain) & mask
            if seen[place]:
                repeated.add(domain)
            else:
                seen[place] = 1
    return repeated


def _with_www(valid: Sequence[TicketRequest], all_domains: AllDomains) -> Findings:
    for request, domains in zip(valid, all_domains, strict=True):
        for domain in domains:
            if domain.startswith("www."):
                yield request.row, shown(domain)


def _of_mail_providers(valid: Sequence[TicketRequest], all_domains: AllDomains) -> Findings:
    for request, domains in zip(valid, all_domains, strict=True):
        if not MAIL_PROVIDERS.isdisjoint(domains):
            yield request.row, next(domain for domain in domains if domain in MAIL_PROVIDERS)


def _many(valid: Sequence[TicketRequest], all_domains: AllDomains) -> Findings:
    """Yield the rows with which an organization's pending domains become many, and those with many for several."""
    counts: Counter[str] = Counter()
    for request, domains in zip(valid, all_domains, strict=True):
        organizations = _organizations_of(request)
        if len(organizations) == 1:
            counts[organizations[0]] += len(domains)
        elif len(domains) >= _MANY_FOR_SEVERAL:
            yield request.row, f"{len(domains):,} domains"
    rows_of: dict[str, list[int]] = {one: [] for one, count in counts.items() if count >= _MANY_FOR_ONE}
    for place, request in enumerate(valid if rows_of else ()):
        organizations = _organizations_of(request)
        if len(organizations) == 1 and organizations[0] in rows_of:
            rows_of[organizations[0]].append(place)
    for organization, places in rows_of.items():
        known: set[str] = set()
        for place in places:
            known.update(all_domains[place])
            if len(known) >= _MANY_FOR_ONE:
                yield valid[place].row, f"{len(known)} domains of {organization}"


def _domains_of(body: dict[str, Any]) -> Sequence[str]:
    pending, aliases = pending_of(body), aliases_of(body)
    return [*pending, *aliases] if aliases else pending


def pending_of(body: dict[str, Any]) -> Sequence[str]:
    """Return the domains of a request that the customer has to verify."""
    found: Sequence[str] = body.get("domain_aliases_config", {}).get("pending_domains", ())
    return found


def aliases_of(body: dict[str, Any]) -> Sequence[str]:
    """Return the domains of a request that Auth0 takes as verified."""
    return (body.get("connection_config", {}).get("options") or {}).get("domain_aliases") or ()


def _organizations_of(request: TicketRequest) -> list[str]:
    return [organization["organization_id"] for organization in request.body["enabled_organizations"]]


_OF_DOMAINS: tuple[tuple[str, Callable[[Sequence[TicketRequest], AllDomains], Findings]], ...] = (
    (
        "the domain is given for two organizations, but its users can be led to one only: keep it in one of them",
        _in_two_organizations,
    ),
    (
        "a domain begins with www., which addresses seldom have: give the domain behind the @ of the users' addresses",
        _with_www,
    ),
    ("anyone can have an address of this mail provider, so no customer can verify its domain", _of_mail_providers),
    (
        f"these are many domains: Auth0 takes {MAX_DOMAINS_OF_ONE_ORGANIZATION} pending ones for one organization, and"
        f" {MAX_ITEMS:,} for none or several, counting those that exist already",
        _many,
    ),
)
_OF_ROWS: tuple[tuple[str, Callable[[Sequence[TicketRequest]], Findings]], ...] = (
    (
        "Auth0 takes connection_config.options.domain_aliases as verified without a check; with column domains the"
        " customer has to verify them",
        _with_aliases,
    ),
    (
        f"Auth0 enables no SCIM unless provisioning_config.scopes has all of {', '.join(USER_SCOPES)}",
        _with_few_scopes,
    ),
    (
        f"Auth0 allows an organization {MAX_CONNECTIONS} connections, those that exist already among them, and the"
        " input has more for this one",
        _beyond_ten_connections,
    ),
    ("two prospects, or two profiles, are to set up the same connection, and each gets a link", _sharing),
)
