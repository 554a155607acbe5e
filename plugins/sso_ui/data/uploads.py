"""CSVs that were uploaded on the pages: each in a folder of its own beside the reports, its owner's alone."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.sdk import ObjectStoragePath

from include import run
from include.files import make_private, write_private
from include.prospects.table.sources import MOST_BYTES

if TYPE_CHECKING:
    from include.files import AnyPath

FOLDER = "uploads"
KEPT_SECONDS = 30 * 86_400
MOST_UPLOAD_BYTES = MOST_BYTES
_PART = 2**20
_ID = re.compile(r"[0-9a-f]{32}")


class UploadError(ValueError):
    """There is no such upload, or it can't be kept."""


def base() -> Any:
    """Return the folder of all uploads, a path of the local disk or of object storage."""
    return ObjectStoragePath(run.absolute(run.DEFAULT_REPORTS)) / FOLDER


def keep(name: str, content: BinaryIO) -> str:
    """
    Keep a CSV under a new id, and remove those that are older than 30 days from a local folder.

    :param name: the file's own name, which the report shows as ``source``.
    :param content: a file that can be rewound; it is copied in parts.
    :return: the id, which nobody can guess.
    :raises UploadError: if it is too large.
    """
    if content.seek(0, os.SEEK_END) > MOST_UPLOAD_BYTES:
        raise UploadError(too_large())
    content.seek(0)
    upload_id = secrets.token_hex(16)
    folder = base() / upload_id
    make_private(folder)
    write_private(folder, safe_name(name), iter(partial(content.read, _PART), b""))
    _remove_old()
    return upload_id


def too_large() -> str:
    """Return what is said of a CSV that is too large."""
    return f"The CSV has over {MOST_UPLOAD_BYTES // 2**20} MiB: divide it among several runs."


def folder_of(upload_id: str) -> AnyPath:
    """Return an upload's folder; UploadError if there is none."""
    if not _ID.fullmatch(upload_id):
        raise UploadError("There is no such upload.")
    folder: AnyPath = base() / upload_id
    if not folder.is_dir():
        raise UploadError("There is no such upload. Uploads are kept for 30 days.")
    return folder


def file_of(upload_id: str) -> AnyPath:
    """Return the CSV of an upload; UploadError if there is none."""
    files = [file for file in folder_of(upload_id).iterdir() if file.suffix == ".csv"]
    if len(files) != 1:
        raise UploadError("There is no such upload.")
    return files[0]


def safe_name(name: str) -> str:
    """Return a file name of ASCII letters, digits and ``._-`` that ends with ``.csv``."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).name.removesuffix(".csv")).strip("._")
    return f"{stem[:100] or 'prospects'}.csv"


def _remove_old() -> None:
    folder = base()
    if folder.protocol not in ("", "file", "local"):  # object storage has rules of its own for that
        return
    for entry in Path(folder.path).iterdir():
        if _ID.fullmatch(entry.name) and not entry.is_symlink() and entry.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(entry, ignore_errors=True)
