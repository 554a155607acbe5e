"""What other programs usually call our columns; a proposal that a person sees and can change."""

from __future__ import annotations

from collections.abc import Sequence

from include.prospects.records import FileColumn
from include.prospects.schema.columns import compared

_USUAL_NAMES = {
    "organization_id": "Auth0 organization ID, Auth0 organization, Auth0 org ID, Auth0 org, Auth0 ID, org ID, "
    "organisation ID",
    "organization_name": "company, company name, account, account name, customer, customer name, client, client name, "
    "business name, legal name, organization, organisation, organisation name, org name, tenant name",
    "prospect_name": "name, full name, contact, contact name, contact full name, contact person, primary contact, "
    "primary contact name, admin, admin name, admin contact, IT contact, IT admin, person",
    "prospect_email": "email, e-mail, email address, e-mail address, work email, business email, company email, mail, "
    "contact email, contact email address, primary contact email, primary email, admin email, IT contact email",
    "language": "language code, preferred language, contact language, lang",
    "domains": "domain, domain name, email domain, email domains, company domain, company domain name, website, "
    "web site, website URL, company website, homepage, URL, web",
}
_BY_NAME = {compared(name): column for column, names in _USUAL_NAMES.items() for name in names.split(", ")}


def proposed_columns(columns: Sequence[FileColumn]) -> list[str]:
    """
    Return which column of ours each of a file's columns probably is; empty for one that is probably none.

    Organizations' ids are known by their values. Else what a header names exactly comes first, then what its usual name
    says. No column of ours is proposed twice, and none that changes where a link leads.
    """
    ids = [column for column in columns if _has_ids(column)]
    found = ["" if ids and column.column == "organization_id" else column.column for column in columns]
    for place, column in enumerate(columns):
        proposal = _proposal(column)
        if not found[place] and proposal not in found:
            found[place] = proposal
    return found


def _proposal(column: FileColumn) -> str:
    if _has_ids(column):
        return "organization_id"
    return _BY_NAME.get(compared(column.name), "")


def _has_ids(column: FileColumn) -> bool:
    return bool(column.samples) and all(sample.startswith("org_") for sample in column.samples)
