"""The plan: which mapped task creates the tickets of which organizations."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth0_sso.models import UNSAFE_CHARACTERS, Organization, TicketRequest

from include.prospects.records import Prospects

MAX_LABEL_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """The work of one mapped task, with its label in the UI; an organization is never divided."""

    label: str
    organizations: list[Organization]


def plan_batches(prospects: Prospects, max_batches: int, requests: Mapping[str, int] | None = None) -> list[Batch]:
    """
    Divide the valid prospects into batches, in the order of their first rows.

    :param max_batches: with no more organizations than this, each has its own batch; with more, several share one,
        evenly by the number of requests.
    :param requests: how many requests each organization takes, by its id; by default one for each row.
    """
    if max_batches < 1:
        raise ValueError(f"max_mapped_tasks is {max_batches}: must be at least 1")
    organizations = _by_organization(prospects.valid)
    rows = {one.organization_id: len(one.requests) for one in organizations}
    sent = rows if requests is None else requests
    loads = [(sent.get(one.organization_id, 0), rows[one.organization_id]) for one in organizations]
    groups = [[organizations[place] for place in group] for group in _pack(loads, max_batches)]
    return [Batch(_label(group), group) for group in groups]


def _by_organization(valid: Sequence[TicketRequest]) -> list[Organization]:
    found: dict[str, Organization] = {}
    for request in valid:
        organization = found.setdefault(request.organization_id, Organization(request.organization_id, "", []))
        organization.organization_name = organization.organization_name or request.organization_name
        organization.requests.append(request)
    return list(found.values())


def _pack(loads: Sequence[tuple[int, int]], most: int) -> list[list[int]]:
    """
    Give each organization, the largest first, to the group with the fewest requests, and of these with the fewest
    rows; return the places of each group's organizations.

    So no two groups differ by more requests than the largest organization has.
    """
    if len(loads) <= most:
        return [[place] for place in range(len(loads))]
    groups = [(0, 0, group) for group in range(most)]
    members: list[list[int]] = [[] for _ in range(most)]
    for place in sorted(range(len(loads)), key=lambda place: loads[place], reverse=True):
        requests, rows, group = heapq.heappop(groups)
        members[group].append(place)
        heapq.heappush(groups, (requests + loads[place][0], rows + loads[place][1], group))
    return sorted(map(sorted, members))


def _label(organizations: Sequence[Organization]) -> str:
    first, last = _name(organizations[0]), _name(organizations[-1])
    if len(organizations) == 1:
        return first[:MAX_LABEL_CHARACTERS]
    count = f" ({len(organizations):,})"
    half = (MAX_LABEL_CHARACTERS - len(count) - 3) // 2
    return f"{first[:half]} … {last[:half]}{count}"


def _name(organization: Organization) -> str:
    return _label_text(organization.organization_name) or organization.organization_id


def _label_text(text: str) -> str:
    """Return the text without control characters, and without ``://``, so that it is no link."""
    plain = UNSAFE_CHARACTERS.sub("", text)
    while "://" in plain:
        plain = plain.replace("://", "")
    return plain.strip()
