"""
The checked input as JSON Lines: a file in the run's folder, or what one process writes for another.

Its first line is a head, then comes a line for each row. Tasks pass the file's path to each other instead of the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from auth0_sso.models import CARRIED, Outcome, TicketRequest, TicketStatus

from include.files import ChangedFileError, Hashed, fields_of, json_bytes, make_private, write_private
from include.prospects.records import FileColumn, InvalidRow, Problem, Prospects, ProspectsError, Question

if TYPE_CHECKING:
    from include.files import AnyPath

FILE_NAME = "manifest.jsonl"
_WRITER = "load_prospects"
_KINDS = {kind: json_bytes({"kind": kind})[:-1] for kind in ("head", "valid", "invalid", "error")}
"""How a line begins, so that its kind is known without reading all of it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InputRows:
    """
    The input, as its report needs it: each row is in one of the lists, both in row order.

    It has an invalid row's problems as text only: 100,000 rows may have a million problems.
    """

    requests: list[TicketRequest] = field(default_factory=list)
    invalid: list[Outcome] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def write_manifest(prospects: Prospects, folder: AnyPath) -> tuple[str, str]:
    """Write ``manifest.jsonl``, see :func:`manifest_lines`; return its path and its SHA-256."""
    make_private(folder)
    content = Hashed(manifest_lines(prospects))
    path = write_private(folder, FILE_NAME, content)
    return path, content.sha256


def read_manifest(path: AnyPath, sha256: str) -> Prospects:
    """Read what :func:`write_manifest` wrote; another file raises ChangedFileError, none FileNotFoundError."""
    with _opened(path, sha256) as lines:
        return read_lines(lines)


def read_rows(path: AnyPath, sha256: str) -> InputRows:
    """
    Read what :func:`write_manifest` wrote, without the single problems of invalid rows.

    :raises ChangedFileError: if it is another file.
    :raises FileNotFoundError: if there is none.
    """
    with _opened(path, sha256) as lines:
        rows, warnings = _read(lines, _without_problems)
    found = InputRows(warnings=warnings)
    for row in rows:
        if isinstance(row, Outcome):
            found.invalid.append(row)
        else:
            found.requests.append(row)
    return found


def manifest_lines(prospects: Prospects) -> Iterator[bytes]:
    """Yield a line with the warnings and the number of rows, then one for each row in row order."""
    yield _line("head", {"warnings": prospects.warnings, "rows": prospects.counts()["rows"]})
    for row in prospects.rows():
        yield _line("valid" if isinstance(row, TicketRequest) else "invalid", fields_of(row))


def error_line(error: ProspectsError, *, with_question: bool = False) -> bytes:
    """
    Return the only line that says why an input as a whole can't be used.

    :param with_question: whether the line has the error's question too, and with it cells of the file.
    """
    question = asdict(error.question) if error.question and with_question else None
    return _line("error", {"problems": error.problems, "question": question})


def is_invalid_row(line: bytes) -> bool:
    """Whether a line of a manifest is that of an invalid row."""
    return line.startswith(_KINDS["invalid"])


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


def read_row(line: bytes) -> TicketRequest | InvalidRow:
    """Read the line of a row."""
    return _row(**json.loads(line))


def _read(lines: Iterable[bytes], make: Callable[..., T]) -> tuple[list[T], list[str]]:
    """Return what ``make`` makes of each row, and the warnings."""
    documents = map(json.loads, lines)
    try:
        head = next(documents)
        if head["kind"] == "error":
            raise ProspectsError(head["problems"], _question(head["question"]))
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


def _question(given: dict[str, Any] | None) -> Question | None:
    if given is None:
        return None
    columns = [FileColumn(**column) for column in given.pop("columns")]
    return Question(**given, columns=columns)


def _line(kind: str, content: dict[str, Any]) -> bytes:
    return _KINDS[kind] + b"," + json_bytes(content)[1:] + b"\n"


def _row(kind: str, **row: Any) -> TicketRequest | InvalidRow:
    if kind == "valid":
        return TicketRequest(**row)
    problems = tuple(Problem(**problem) for problem in row.pop("problems"))
    return InvalidRow(**row, problems=problems)


def _without_problems(kind: str, **row: Any) -> TicketRequest | Outcome:
    found = _row(kind, **row)
    if isinstance(found, TicketRequest):
        return found
    carried = {name: getattr(found, name) for name in CARRIED}
    return Outcome(**carried, status=TicketStatus.INVALID, error=found.error)
