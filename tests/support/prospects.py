"""CSVs of prospects for tests, and the parameters of a run."""

from __future__ import annotations

from typing import Any

from include.params import CREATE_PARAMS


def run_params(**changes: Any) -> dict[str, Any]:
    """Return the parameters of a run that creates tickets; those that don't change have their defaults."""
    return {name: param["default"] for name, param in CREATE_PARAMS.items()} | changes


def csv_of(rows: int, organizations: int, name: str) -> str:
    """Return a CSV of prospects that are distributed evenly among organizations."""
    lines = ["organization_id,organization_name,prospect_name,prospect_email"]
    for row in range(rows):
        org = row % organizations
        lines.append(f"org_{name}{org:05d},{name} {org},Desk {row},desk{row}@{name}.example")
    return "\n".join(lines)
