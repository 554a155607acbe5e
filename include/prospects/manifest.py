"""The checked input as a file in the run's folder: tasks pass its path to each other instead of the data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from include.files import fields_of, json_bytes, make_private, write_private
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects

if TYPE_CHECKING:
    from include.files import AnyPath

FILE_NAME = "manifest.jsonl"


def write_manifest(prospects: Prospects, folder: AnyPath) -> str:
    """Write ``manifest.jsonl``, a line with the warnings, then one a row in row order, and return its path."""
    make_private(folder)
    return write_private(folder, FILE_NAME, (json_bytes(line) + b"\n" for line in _lines(prospects)))


def read_manifest(path: AnyPath) -> Prospects:
    """Read what :func:`write_manifest` wrote; another file raises ValueError."""
    prospects = Prospects()
    with path.open("rb") as file:
        for line in file:
            _take(json.loads(line), prospects, path)
    return prospects


def manifest_rows(prospects: Prospects) -> list[dict[str, Any]]:
    """Return each row's fields by name, in row order, with an invalid row's problems as its ``error``."""
    return [{**fields_of(row), "error": row.error} for row in prospects.rows()]


def _lines(prospects: Prospects) -> Iterator[dict[str, Any]]:
    yield {"kind": "head", "warnings": prospects.warnings}
    for row in prospects.rows():
        yield {"kind": "valid" if isinstance(row, Prospect) else "invalid", **fields_of(row)}


def _take(line: dict[str, Any], prospects: Prospects, path: AnyPath) -> None:
    kind = line.pop("kind", None)
    if kind == "head":
        prospects.warnings.extend(line["warnings"])
    elif kind == "valid":
        prospects.add(Prospect(**line))
    elif kind == "invalid":
        problems = tuple(Problem(**problem) for problem in line.pop("problems"))
        prospects.add(InvalidRow(**line, problems=problems))
    else:
        raise ValueError(f"{path} is no manifest of prospects: run load_prospects again")
