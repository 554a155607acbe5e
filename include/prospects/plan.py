"""Which organizations are served together: the plan of the fan-out."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from include.files import make_private, write_private
from include.prospects.manifest import prospect_json
from include.prospects.records import UNSAFE_CHARACTERS, Prospect, Prospects

if TYPE_CHECKING:
    from pathlib import Path

    from upath import UPath

MOST_LABEL_CHARACTERS = 200
_PLAN_FOLDER = "plan"
_BATCH_FILE = re.compile(r"batch-([0-9]{4,9})\.json")


@dataclass(slots=True)
class OrganizationBatch:
    """An organization and all that is asked for it, in row order.

    :param organization_id: Auth0 organization.
    :param organization_name: the first that its rows give; empty when none does.
    :param requests: at least one.
    """

    organization_id: str
    organization_name: str
    requests: list[Prospect] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one mapped task does.

    :param label: what the UI calls it.
    :param organizations: whole ones, in the order of their first rows.
    """

    label: str
    organizations: list[OrganizationBatch]


def plan_batches(prospects: Prospects, max_batches: int) -> list[Batch]:
    """Divide the valid prospects into batches.

    :param prospects: a checked input.
    :param max_batches: the most batches to make. With no more organizations than that, each is its own batch;
        with more, several share one, evenly by the number of requests.
    :return: the batches, in the order of their first rows; an organization is never divided.
    :raises ValueError: ``max_batches`` is below 1.
    """
    if max_batches < 1:
        raise ValueError(f"max_mapped_tasks is {max_batches}: must be at least 1")
    groups = _pack(_by_organization(prospects.valid), max_batches)
    return [Batch(_label(group), group) for group in groups]


def write_plan(batches: Sequence[Batch], folder: UPath | Path) -> list[dict[str, str]]:
    """Write ``plan/batch-0001.json`` and so on, and remove what an earlier plan left there.

    :param batches: the plan.
    :param folder: the run's folder.
    :return: for each batch its ``label`` and, as ``batch``, its file's path.
    """
    plan_folder = folder / _PLAN_FOLDER
    make_private(folder)
    make_private(plan_folder)
    references: list[dict[str, str]] = []
    for number, batch in enumerate(batches, 1):
        content = json.dumps(_batch_json(batch), separators=(",", ":")).encode()
        path = write_private(plan_folder, f"batch-{number:04d}.json", [content])
        references.append({"label": batch.label, "batch": path})
    _remove_after(plan_folder, len(references))
    return references


def _by_organization(valid: Sequence[Prospect]) -> list[OrganizationBatch]:
    found: dict[str, OrganizationBatch] = {}
    for prospect in valid:
        organization = found.setdefault(prospect.organization_id, OrganizationBatch(prospect.organization_id, ""))
        organization.organization_name = organization.organization_name or prospect.organization_name
        organization.requests.append(prospect)
    return list(found.values())


def _pack(organizations: list[OrganizationBatch], most: int) -> list[list[OrganizationBatch]]:
    """Give each organization, the largest first, to the group with the least to do.

    So no two groups differ by more than the largest organization has requests.
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
    """Return the text without control characters, and without what would make it a link."""
    plain = UNSAFE_CHARACTERS.sub("", text)
    while "://" in plain:
        plain = plain.replace("://", "")
    return plain.strip()


def _batch_json(batch: Batch) -> dict[str, Any]:
    organizations = [
        {
            "organization_id": organization.organization_id,
            "organization_name": organization.organization_name,
            "requests": [prospect_json(prospect) for prospect in organization.requests],
        }
        for organization in batch.organizations
    ]
    return {"label": batch.label, "organizations": organizations}


def _remove_after(plan_folder: UPath | Path, last: int) -> None:
    """Remove the batch files whose number is above ``last``."""
    if not plan_folder.is_dir():  # object storage knows no empty folders
        return
    for entry in cast("list[UPath | Path]", list(plan_folder.iterdir())):
        found = _BATCH_FILE.fullmatch(entry.name)
        if found and int(found.group(1)) > last:
            entry.unlink()
