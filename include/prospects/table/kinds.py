"""What kind of file it is, by its content: people rename files, and programs export one kind under another's name."""

from __future__ import annotations

import io
import re
import zipfile

from include.prospects.records import ProspectsError, TooLargeError

MAX_UNPACKED_BYTES = 2**30
MAX_RATIO = 200
"""An archive unpacks to at most so many times its size: a workbook of real rows has about 10."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CONTENT_TYPES = "[Content_Types].xml"
_STYLES = "xl/styles.xml"
_WORKBOOKS = (
    b"spreadsheetml.sheet.main+xml",
    b"spreadsheetml.template.main+xml",
    b"ms-excel.sheet.macroEnabled.main+xml",
)
_AS_WORKBOOK = "open it in a spreadsheet program, and save it as 'Excel workbook (.xlsx)' or 'CSV UTF-8'"
_UNPACK = "unpack it, and give the file in it"
_EXPORT = "export a table instead, as .xlsx or CSV"
_SAVE_AGAIN = "open it in a spreadsheet program, and save it again, or as 'CSV UTF-8'"
_OTHER_KINDS = {
    b"%PDF": ("a PDF", _EXPORT),
    b"\x89PNG": ("a picture", _EXPORT),
    b"\xff\xd8\xff": ("a picture", _EXPORT),
    b"\x1f\x8b": ("an archive (gzip)", _UNPACK),
    b"BZh": ("an archive (bzip2)", _UNPACK),
    b"\xfd7zXZ": ("an archive (xz)", _UNPACK),
    b"7z\xbc\xaf": ("an archive (7-Zip)", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("an archive (Zstandard)", _UNPACK),
    b"Rar!": ("an archive (RAR)", _UNPACK),
    b"PK\x05\x06": ("an archive (ZIP) without a file in it", _EXPORT),
    b"PAR1": ("a Parquet file", "export it as CSV"),
    b"SQLite format 3": ("a SQLite database", "export a table of it as CSV"),
}
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(<(?:[!?]|(?:html|head|body|table|div)\b))|\{\s*\"|\[\s*[{\[\"])", re.IGNORECASE
)
_MAX_STYLES_BYTES = 16 * 2**20  # of a style sheet, all of which is kept in memory; usual ones have 100 KiB


def is_workbook(content: bytes) -> bool:
    """Whether a content that passed :func:`require_table` is a workbook."""
    return content.startswith(_ZIP)


def require_table(content: bytes, source: str) -> None:
    """
    Check that a file may be a CSV or a workbook.

    :param source: the file's name, for messages.
    :raises ProspectsError: it is of another kind, broken, or unpacks to too much; says what to do.
    """
    for start, (kind, advice) in _OTHER_KINDS.items():
        if content.startswith(start):
            raise _not_a_table(source, kind, advice)
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            advice = "open it, remove the password, and save it again"
            raise _not_a_table(source, "protected by a password", advice)
        raise _not_a_table(source, "an old Excel workbook (.xls), or another old document", _AS_WORKBOOK)
    if markup := _MARKUP.match(content):
        raise _not_a_table(source, "an HTML or XML file" if markup[1] else "a JSON file", _EXPORT)
    if content.startswith(_ZIP):
        _require_workbook(content, source)
    elif content and source.lower().endswith((".xlsx", ".xlsm")):
        raise _not_a_table(source, "no workbook", "if it is a CSV, rename it to .csv; else export it again")


def broken_workbook(source: str) -> ProspectsError:
    """Return the error for a workbook that can't be read."""
    return ProspectsError([f"{source}: is no workbook, or a broken one: {_SAVE_AGAIN}"])


def _require_workbook(content: bytes, source: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {part.filename: part.file_size for part in archive.infolist()}
    except Exception:  # what a damaged archive leads to is many kinds of errors
        raise broken_workbook(source) from None
    _require_small(sum(parts.values()), len(content), source)
    if parts.get(_STYLES, 0) > _MAX_STYLES_BYTES:
        raise TooLargeError(
            [f"{source}: its formats take over {_MAX_STYLES_BYTES // 2**20} MiB: save it as 'CSV UTF-8'"]
        )
    types = _content_types(content, source)
    if not any(kind in types for kind in _WORKBOOKS):
        raise _not_a_table(source, *_archive(set(parts)))


def _content_types(content: bytes, source: str) -> bytes:
    """Return the part of an archive that says which kind of document it is; empty if it has none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(_CONTENT_TYPES) if _CONTENT_TYPES in archive.namelist() else b""
    except Exception:
        raise broken_workbook(source) from None


def _require_small(unpacked: int, packed: int, source: str) -> None:
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * packed:
        raise TooLargeError(
            [
                f"{source}: unpacks to {unpacked / 2**20:,.0f} MiB, but must unpack to at most"
                f" {MAX_UNPACKED_BYTES // 2**20:,} MiB and {MAX_RATIO} times its size: copy its rows into a new"
                " workbook, or save it as 'CSV UTF-8'"
            ]
        )


def _archive(names: set[str]) -> tuple[str, str]:
    """Return what an archive is that is no workbook, and what to do."""
    if "xl/workbook.bin" in names:
        return "a binary workbook (.xlsb)", _AS_WORKBOOK
    if "Index/Document.iwa" in names or "Index.zip" in names:
        return "a Numbers document", "export it as 'Excel' or 'CSV' (UTF-8)"
    if {"mimetype", "content.xml"} <= names:
        return "an OpenDocument file (.ods)", _AS_WORKBOOK
    if _CONTENT_TYPES in names:
        return "a document of another program", _AS_WORKBOOK
    return "an archive (ZIP)", "unpack it, and give the file in it"


def _not_a_table(source: str, kind: str, advice: str) -> ProspectsError:
    return ProspectsError([f"{source}: is {kind}: {advice}"])
