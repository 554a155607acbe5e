"""
Files that were uploaded on the pages: each in a folder of its own beside the reports, its owner's alone, for 30 days.

The folder's name is the upload's id. It begins with the time of the upload, which nothing changes, neither a preview
that is written into the folder nor a copy of it, and which needs no look at the folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import structlog

from include.files import json_bytes, make_private, write_private
from include.prospects import ReadOptions
from include.prospects.table.options import DEFAULT_OPTIONS
from include.prospects.table.sources import MAX_BYTES, SUFFIXES
from sso_ui.data.report_files import default_base

if TYPE_CHECKING:
    from include.files import AnyPath

log = structlog.get_logger(__name__)

FOLDER = "uploads"
KEPT_SECONDS = 30 * 86_400
MAX_UPLOAD_BYTES = MAX_BYTES
_PART = 2**20
_OPTIONS, _OWNER = "options.json", "owner"
_GONE = "There is no such upload. Uploads are kept for 30 days."
_ID = re.compile(r"([0-9a-f]{8})[0-9a-f]{24}")
_SWEEP_SECONDS = 3_600.0
_swept: dict[str, float] = {}


class UploadError(ValueError):
    """There is no such upload, or it can't be kept."""


def base() -> Any:
    """Return the folder of all uploads, a path of the local disk or of object storage."""
    return default_base() / FOLDER


def keep(name: str, content: BinaryIO, owner: str) -> str:
    """
    Keep a CSV or a workbook under a new id.

    :param name: the file's own name, which the report shows as ``source``.
    :param content: a file that can be rewound; it is copied in parts.
    :param owner: who uploads it, and alone may say how it is read.
    :return: the id, which nobody can guess.
    :raises UploadError: if it is too large.
    """
    if content.seek(0, os.SEEK_END) > MAX_UPLOAD_BYTES:
        raise UploadError(too_large())
    content.seek(0)
    upload_id = f"{int(time.time()):08x}{secrets.token_hex(12)}"
    folder = base() / upload_id
    make_private(folder)
    write_private(folder, _OWNER, [owner.encode()])
    write_private(folder, safe_name(name), iter(partial(content.read, _PART), b""))
    return upload_id


def too_large() -> str:
    """Return what is said of a file that is too large."""
    return f"The file has over {MAX_UPLOAD_BYTES // 2**20} MiB: divide it among several runs."


def folder_of(upload_id: str) -> AnyPath:
    """Return an upload's folder; UploadError if there is none."""
    if not _ID.fullmatch(upload_id) or _is_old(upload_id):
        raise UploadError(_GONE)
    folder: AnyPath = base() / upload_id
    if not folder.is_dir():
        raise UploadError(_GONE)
    return folder


def file_of(upload_id: str) -> AnyPath:
    """Return the uploaded file; UploadError if there is none."""
    folder = folder_of(upload_id)
    try:
        (file,) = [file for file in folder.iterdir() if file.suffix in SUFFIXES]
    except (FileNotFoundError, ValueError):  # removed since
        raise UploadError(_GONE) from None
    return file


def require_owner(upload_id: str, user: str) -> None:
    """Check that a user has made an upload; UploadError if there is none, or another one has."""
    try:
        owner = (folder_of(upload_id) / _OWNER).read_bytes()
    except FileNotFoundError:  # removed since
        raise UploadError(_GONE) from None
    if owner != user.encode():
        raise UploadError("Only the person who has uploaded this file may say how it is read.")


def options_of(upload_id: str) -> ReadOptions:
    """Return how an upload is read; UploadError if there is none."""
    try:
        content = (folder_of(upload_id) / _OPTIONS).read_bytes()
    except FileNotFoundError:
        return DEFAULT_OPTIONS
    return ReadOptions(**json.loads(content))


def keep_options(upload_id: str, options: ReadOptions) -> None:
    """Keep how an upload is to be read; UploadError if there is none."""
    write_private(folder_of(upload_id), _OPTIONS, [json_bytes(options)])


def remove_old() -> None:
    """Remove the uploads that are older than 30 days, on a local disk or in object storage; at most once an hour."""
    folder, now = base(), time.time()
    if 0 <= now - _swept.get(str(folder), 0.0) < _SWEEP_SECONDS:
        return
    _swept[str(folder)] = now
    try:
        old = [entry for entry in folder.iterdir() if _is_old(entry.name)]
    except FileNotFoundError:  # nothing was ever uploaded
        return
    except Exception as error:  # the drivers of object storage have no common exception
        log.warning("The uploads can't be listed, so none is removed", folder=str(folder), reason=str(error))
        return
    for entry in old:
        _remove(entry)


def safe_name(name: str) -> str:
    """Return a file name of ASCII letters, digits and ``._-`` that ends with one of the suffixes that are read."""
    path = Path(name.replace("\\", "/"))
    suffix = path.suffix.lower() if path.suffix.lower() in SUFFIXES else ".csv"
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem if path.suffix.lower() == suffix else path.name).strip("._")
    return f"{stem[:100] or 'prospects'}{suffix}"


def _is_old(upload_id: str) -> bool:
    """Whether it is the id of an upload that is older than 30 days."""
    found = _ID.fullmatch(upload_id)
    return found is not None and int(found.group(1), 16) < time.time() - KEPT_SECONDS


def _remove(folder: Any) -> None:
    try:
        folder.fs.rm(folder.path, recursive=True)
    except FileNotFoundError:  # another process has removed it
        pass
    except Exception as error:
        log.warning("An old upload can't be removed", folder=str(folder.parent), reason=str(error))
