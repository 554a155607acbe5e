"""Where the input's bytes come from: a pasted text, a file, or the files of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from auth0_sso.models import listed, shown

from include.prospects.records import ProspectsError, TooLargeError

if TYPE_CHECKING:
    from include.files import AnyPath

PASTED = "prospects_csv"
"""The source of rows that were pasted."""

MAX_BYTES = 100 * 2**20
"""Bytes of one input, over all files."""

SUFFIXES = (".csv", ".tsv", ".xlsx")
"""Of the files of a folder that are read."""

_READ = "*.csv, *.tsv and *.xlsx"
_MAX_NAMED = 10
_MARK = "\ufeff"
_TOO_LARGE = f"the input has over {MAX_BYTES // 2**20} MiB: divide it among several runs"


def read_sources(source: AnyPath | None, text: str, warnings: list[str]) -> Iterator[tuple[str, bytes]]:
    """
    Yield name, escaped for messages, and content of each file; for the arguments see ``load_prospects``.

    :param warnings: gets one that names the files of the folder which are left out.
    :raises ProspectsError: there is nothing to read, it can't be read, or it has over :data:`MAX_BYTES`.
    """
    if text and not text.isspace():
        # The mark says that it is UTF-8, whatever the encoding of files is.
        content = f"{_MARK}{text.removeprefix(_MARK)}".encode("utf-8", "surrogatepass")
        if len(content) > MAX_BYTES:
            raise TooLargeError([_TOO_LARGE])
        yield PASTED, content
        return
    if source is None:
        raise ProspectsError(["no input: set prospects_uri to a file or a folder, or paste prospects_csv"])
    try:
        yield from _read_files(source, warnings)
    except ProspectsError:
        raise
    except Exception as error:  # the drivers of object storage have no common exception
        raise ProspectsError(
            [f"prospects_uri '{_name(source)}' can't be read: {shown(str(error) or type(error).__name__, 500)}"]
        ) from error


def read_stream(stream: BinaryIO, name: str) -> tuple[str, bytes]:
    """
    Return name, escaped for messages, and content of a stream.

    :raises ProspectsError: it has over :data:`MAX_BYTES`.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TooLargeError([_TOO_LARGE])
    return shown(name, 255), content


def _read_files(source: AnyPath, warnings: list[str]) -> Iterator[tuple[str, bytes]]:
    room = MAX_BYTES
    for file in _files(source, warnings):
        content = _read(file, room)
        room -= len(content)
        yield shown(file.name, 255), content


def _read(file: AnyPath, room: int) -> bytes:
    """Read a file that nobody changes meanwhile."""
    if not file.is_file():
        # A read from a pipe or a device may never end.
        raise ProspectsError([f"prospects_uri '{_name(file)}' can't be read: it is not a regular file"])
    before = _stamp(file)
    with file.open("rb") as stream:
        content = stream.read(room + 1)
    if len(content) > room:
        raise TooLargeError([_TOO_LARGE])
    if _stamp(file) != before:
        raise ProspectsError(
            [f"prospects_uri '{_name(file)}' was changed while it was read: run again when it is complete"]
        )
    return content


def _stamp(file: AnyPath) -> tuple[int, float]:
    state = file.stat()
    return state.st_size, state.st_mtime


def _files(source: AnyPath, warnings: list[str]) -> list[AnyPath]:
    if not source.exists():
        raise ProspectsError(
            [
                f"prospects_uri '{_name(source)}' does not exist:"
                " give a CSV or a workbook, or a folder of them, that the worker can reach"
            ]
        )
    if not source.is_dir():
        return [source]
    # Systems keep files of their own under names with a leading dot, such as the resource forks of macOS. Excel keeps
    # a file with ~$ before the name of each workbook that is open.
    seen = (entry for entry in cast("Iterable[AnyPath]", source.iterdir()) if not entry.name.startswith((".", "~$")))
    entries = sorted(seen, key=lambda entry: entry.name)
    files: list[AnyPath] = []
    others: list[AnyPath] = []
    for entry in entries:
        (files if _is_table(entry) else others).append(entry)
    if others:
        names = listed([shown(entry.name) for entry in others], _MAX_NAMED)
        warnings.append(f"{names}: left out, since only {_READ} of a folder are read")
    if not files:
        raise ProspectsError([f"prospects_uri '{_name(source)}' is a folder without {_READ}: put one there"])
    return files


def _is_table(entry: AnyPath) -> bool:
    return entry.suffix.lower() in SUFFIXES and not entry.is_dir()


def _name(path: AnyPath) -> str:
    return shown(str(path), 500)
