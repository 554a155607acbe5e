"""
The checked input as JSON Lines: a file in the run's folder, or what one process writes for another.

Tasks pass the file's path to each other instead of the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from include.files import ChangedFileError, Hashed, fields_of, json_bytes, make_private, write_private
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects, ProspectsError

if TYPE_CHECKING:
    from include.files import AnyPath

FILE_NAME = "manifest.jsonl"
_WRITER = "load_prospects"
T = TypeVar("T")


def write_manifest(prospects: Prospects, folder: AnyPath) -> dict[str, str]:
    """Write ``manifest.jsonl``, see :func:`manifest_lines`; return its path, ``manifest``, and its ``sha256``."""
    make_private(folder)
    content = Hashed(manifest_lines(prospects))
    path = write_private(folder, FILE_NAME, content)
    return {"manifest": path, "sha256": content.sha256}


def read_manifest(path: AnyPath, sha256: str) -> Prospects:
    """Read what :func:`write_manifest` wrote; another file raises ChangedFileError, none FileNotFoundError."""
    with _opened(path, sha256) as lines:
        return read_lines(lines)


def manifest_lines(prospects: Prospects) -> Iterator[bytes]:
    """Yield a line with the warnings and the number of rows, then one a row in row order."""
    yield _line("head", {"warnings": prospects.warnings, "rows": prospects.counts()["rows"]})
    for row in prospects.rows():
        yield _line("valid" if isinstance(row, Prospect) else "invalid", fields_of(row))


def error_line(error: ProspectsError) -> bytes:
    """Return the only line that says why an input as a whole can't be used."""
    return _line("error", {"problems": error.problems})


def read_lines(lines: Iterable[bytes]) -> Prospects:
    """
    Read what :func:`manifest_lines` or :func:`error_line` made.

    :raises ProspectsError: if the input as a whole can't be used.
    :raises ValueError: if the lines are others, or not all of them.
    """
    rows, warnings = _read(lines, _row)
    prospects = Prospects(warnings=warnings)
    for row in rows:
        prospects.add(row)
    return prospects


def read_rows(path: AnyPath, sha256: str) -> tuple[list[dict[str, Any]], list[str]]:
    """
    Return what :func:`manifest_rows` returns of a manifest, and the warnings.

    It keeps an invalid row's problems as text only: 100,000 rows may have a million problems.

    :raises ChangedFileError: if it is not what :func:`write_manifest` wrote.
    :raises FileNotFoundError: if there is none.
    """
    with _opened(path, sha256) as lines:
        return _read(lines, lambda **row: _fields(_row(**row)))


def manifest_rows(prospects: Prospects) -> list[dict[str, Any]]:
    """Return each row's fields by name, in row order, with an invalid row's problems as its ``error``."""
    return [_fields(row) for row in prospects.rows()]


def _fields(row: Prospect | InvalidRow) -> dict[str, Any]:
    fields = {**fields_of(row), "error": row.error}
    fields.pop("problems", None)
    return fields


def _read(lines: Iterable[bytes], make: Callable[..., T]) -> tuple[list[T], list[str]]:
    """Return what ``make`` makes of each row, and the warnings."""
    documents = map(json.loads, lines)
    try:
        head = next(documents)
        if head["kind"] == "error":
            raise ProspectsError(head["problems"])
        warnings, expected = head["warnings"], head["rows"]
        rows = [make(**row) for row in documents]
    except (StopIteration, LookupError, TypeError) as error:
        raise ValueError("these lines are no prospects") from error
    if len(rows) != expected:
        raise ValueError(f"these lines are not all of the {expected} rows")
    return rows, warnings


@contextmanager
def _opened(path: AnyPath, sha256: str) -> Iterator[Hashed]:
    try:
        with path.open("rb") as file:
            lines = Hashed(file)
            yield lines
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} isn't there. All workers must reach the run's folder: set report_uri to object storage or to a "
            "folder that they share. If the file was deleted, run load_prospects again."
        ) from error
    except ValueError as error:
        raise ChangedFileError(path, _WRITER) from error
    if lines.sha256 != sha256:
        raise ChangedFileError(path, _WRITER)


def _line(kind: str, content: dict[str, Any]) -> bytes:
    return json_bytes({"kind": kind, **content}) + b"\n"


def _row(kind: str, **row: Any) -> Prospect | InvalidRow:
    if kind == "valid":
        return Prospect(**row)
    problems = tuple(Problem(**problem) for problem in row.pop("problems"))
    return InvalidRow(**row, problems=problems)
