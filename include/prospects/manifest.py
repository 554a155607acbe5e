"""The checked input as JSON Lines: a file in the run's folder, or what one process writes for another.

Tasks pass the file's path to each other instead of the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from include.files import fields_of, json_bytes, make_private, write_private
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects, ProspectsError

if TYPE_CHECKING:
    from include.files import AnyPath

FILE_NAME = "manifest.jsonl"


def write_manifest(prospects: Prospects, folder: AnyPath) -> str:
    """Write ``manifest.jsonl``, see :func:`manifest_lines`, and return its path."""
    make_private(folder)
    return write_private(folder, FILE_NAME, manifest_lines(prospects))


def read_manifest(path: AnyPath) -> Prospects:
    """Read what :func:`write_manifest` wrote; another file raises ValueError."""
    with path.open("rb") as file:
        try:
            return read_lines(file)
        except ValueError as error:
            raise ValueError(f"{path} is no manifest of prospects: run load_prospects again") from error


def manifest_lines(prospects: Prospects) -> Iterator[bytes]:
    """Yield a line with the warnings and the number of rows, then one a row in row order."""
    yield _line("head", {"warnings": prospects.warnings, "rows": prospects.counts()["rows"]})
    for row in prospects.rows():
        yield _line("valid" if isinstance(row, Prospect) else "invalid", fields_of(row))


def error_line(error: ProspectsError) -> bytes:
    """Return the only line that says why an input as a whole can't be used."""
    return _line("error", {"problems": error.problems})


def read_lines(lines: Iterable[bytes]) -> Prospects:
    """Read what :func:`manifest_lines` or :func:`error_line` made.

    :raises ProspectsError: if the input as a whole can't be used.
    :raises ValueError: if the lines are others, or not all of them.
    """
    documents = map(json.loads, lines)
    try:
        head = next(documents)
        if head["kind"] == "error":
            raise ProspectsError(head["problems"])
        prospects, expected = Prospects(warnings=head["warnings"]), head["rows"]
        for row in documents:
            prospects.add(_row(**row))
    except (StopIteration, LookupError, TypeError) as error:
        raise ValueError("these lines are no prospects") from error
    if prospects.counts()["rows"] != expected:
        raise ValueError(f"these lines are not all of the {expected} rows")
    return prospects


def manifest_rows(prospects: Prospects) -> list[dict[str, Any]]:
    """Return each row's fields by name, in row order, with an invalid row's problems as its ``error``."""
    return [{**fields_of(row), "error": row.error} for row in prospects.rows()]


def _line(kind: str, content: dict[str, Any]) -> bytes:
    return json_bytes({"kind": kind, **content}) + b"\n"


def _row(kind: str, **row: Any) -> Prospect | InvalidRow:
    if kind == "valid":
        return Prospect(**row)
    problems = tuple(Problem(**problem) for problem in row.pop("problems"))
    return InvalidRow(**row, problems=problems)
