"""CSVs of prospects for tests."""

from __future__ import annotations


def csv_of(rows: int, organizations: int, name: str) -> str:
    """Return a CSV of prospects that are distributed evenly among organizations."""
    lines = ["organization_id,organization_name,prospect_name,prospect_email"]
    for row in range(rows):
        org = row % organizations
        lines.append(f"org_{name}{org:05d},{name} {org},Desk {row},desk{row}@{name}.example")
    return "\n".join(lines)
