"""The plan: which mapped task creates the tickets of which organizations."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from include.prospects.records import UNSAFE_CHARACTERS, Prospect, Prospects

MOST_LABEL_CHARACTERS = 200


@dataclass(slots=True)
class OrganizationBatch:
    """An organization with the first name that its rows give, if any, and its requests in row order."""

    organization_id: str
    organization_name: str
    requests: list[Prospect] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """The work of one mapped task, with its label in the UI; an organization is never divided."""

    label: str
    organizations: list[OrganizationBatch]


def plan_batches(prospects: Prospects, max_batches: int) -> list[Batch]:
    """Divide the valid prospects into batches, in the order of their first rows.

    :param max_batches: with no more organizations than this, each has its own batch; with more, several share one,
        evenly by the number of requests.
    """
    if max_batches < 1:
        raise ValueError(f"max_mapped_tasks is {max_batches}: must be at least 1")
    groups = _pack(_by_organization(prospects.valid), max_batches)
    return [Batch(_label(group), group) for group in groups]


def _by_organization(valid: Sequence[Prospect]) -> list[OrganizationBatch]:
    found: dict[str, OrganizationBatch] = {}
    for prospect in valid:
        organization = found.setdefault(prospect.organization_id, OrganizationBatch(prospect.organization_id, ""))
        organization.organization_name = organization.organization_name or prospect.organization_name
        organization.requests.append(prospect)
    return list(found.values())


def _pack(organizations: list[OrganizationBatch], most: int) -> list[list[OrganizationBatch]]:
    """Give each organization, the largest first, to the group with the fewest requests.

    So no two groups differ by more requests than the largest organization has.
    """
    if len(organizations) <= most:
        return [[organization] for organization in organizations]
    by_size = sorted(range(len(organizations)), key=lambda place: (-len(organizations[place].requests), place))
    loads = [(0, group) for group in range(most)]
    members: list[list[int]] = [[] for _ in range(most)]
    for place in by_size:
        load, group = heapq.heappop(loads)
        members[group].append(place)
        heapq.heappush(loads, (load + len(organizations[place].requests), group))
    return [[organizations[place] for place in group] for group in sorted(map(sorted, members))]


def _label(organizations: Sequence[OrganizationBatch]) -> str:
    first = organizations[0]
    name = _label_text(first.organization_name) or first.organization_id
    more = f" and {len(organizations) - 1} more" if len(organizations) > 1 else ""
    return name[: MOST_LABEL_CHARACTERS - len(more)] + more


def _label_text(text: str) -> str:
    """Return the text without control characters, and without ``://``, so that it is no link."""
    plain = UNSAFE_CHARACTERS.sub("", text)
    while "://" in plain:
        plain = plain.replace("://", "")
    return plain.strip()
