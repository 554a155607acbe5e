"""The checked input as a file in the run's folder, so that tasks hand each other a path and no data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from heapq import merge
from typing import TYPE_CHECKING, Any

from include.files import make_private, write_private
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects

if TYPE_CHECKING:
    from pathlib import Path

    from upath import UPath

FILE_NAME = "manifest.jsonl"

_PROSPECT_FIELDS = tuple(field.name for field in fields(Prospect))
_INVALID_FIELDS = tuple(field.name for field in fields(InvalidRow) if field.name != "problems")
_PROBLEM_FIELDS = tuple(field.name for field in fields(Problem))


def prospect_json(prospect: Prospect) -> dict[str, Any]:
    """Return a prospect as a JSON object with its fields' names."""
    return {name: getattr(prospect, name) for name in _PROSPECT_FIELDS}


def write_manifest(prospects: Prospects, folder: UPath | Path) -> str:
    """Write ``manifest.jsonl``: a line with the warnings, then one a row, in row order.

    :param prospects: every row of an input.
    :param folder: made when it is missing.
    :return: the file's path.
    """
    make_private(folder)
    lines = (json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in _lines(prospects))
    return write_private(folder, FILE_NAME, lines)


def read_manifest(path: UPath | Path) -> Prospects:
    """Read what :func:`write_manifest` wrote.

    :param path: the file.
    :raises ValueError: the file is no manifest.
    """
    prospects = Prospects()
    with path.open("rb") as file:
        for line in file:
            _take(json.loads(line), prospects, path)
    return prospects


def _lines(prospects: Prospects) -> Iterator[dict[str, Any]]:
    yield {"kind": "head", "warnings": prospects.warnings}
    rows: Iterator[Prospect | InvalidRow] = merge(prospects.valid, prospects.invalid, key=lambda item: item.row)
    for item in rows:
        if isinstance(item, Prospect):
            yield {"kind": "valid", **prospect_json(item)}
        else:
            yield {"kind": "invalid", **_invalid_json(item)}


def _invalid_json(row: InvalidRow) -> dict[str, Any]:
    problems = [{name: getattr(problem, name) for name in _PROBLEM_FIELDS} for problem in row.problems]
    return {**{name: getattr(row, name) for name in _INVALID_FIELDS}, "problems": problems}


def _take(line: dict[str, Any], prospects: Prospects, path: UPath | Path) -> None:
    kind = line.pop("kind", None)
    if kind == "head":
        prospects.warnings.extend(line["warnings"])
    elif kind == "valid":
        prospects.valid.append(Prospect(**line))
    elif kind == "invalid":
        problems = tuple(Problem(**problem) for problem in line.pop("problems"))
        prospects.invalid.append(InvalidRow(**line, problems=problems))
    else:
        raise ValueError(f"{path} is no manifest of prospects: a line of the kind {kind!r} is unknown")
