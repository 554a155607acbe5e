"""The files of a run's report: they are read from that run's own folder only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import structlog
from airflow.sdk import ObjectStoragePath

from include import folders

log = structlog.get_logger(__name__)

EXTRA_REPORTS = "SSO_TICKETS_EXTRA_REPORTS"
MAX_BYTES = 64 * 2**20


class UnreadableFileError(ValueError):
    """The api-server can't read a file of a run; the message says which one, where it is, and what to set."""


def default_base() -> ObjectStoragePath:
    """Return the deployment's folder of reports: the default of the parameter ``report_uri``."""
    return ObjectStoragePath(folders.absolute(folders.DEFAULT_REPORTS))


def find_folder(dag_id: str, run_id: str, name: str) -> ObjectStoragePath:
    """
    Return the first of a run's own folders, below the deployment's bases, that has a file.

    The bases are :func:`default_base` and those of ``SSO_TICKETS_EXTRA_REPORTS``. Where the run has written is also in
    its XComs, but users can set these.

    :raises UnreadableFileError: if there is none; it says where was looked.
    """
    missing, unreadable = [], []
    for base in (default_base(), *_extra_bases()):
        folder = base / folders.relative_folder(dag_id, run_id)
        try:
            with _opened(folder, name):
                return folder
        except FileNotFoundError:
            missing.append(str(folder))
        except Exception as error:  # the drivers of object storage have no common exception
            _log(folder, name, error)
            unreadable.append(str(folder))
    reasons = [f"There is no {name} in {', '.join(missing)}."] if missing else []
    reasons += [_unreadable(folder, name) for folder in unreadable]
    raise UnreadableFileError(
        f"{' '.join(reasons)} If the run has written elsewhere, give the api-server the workers' SSO_TICKETS_REPORTS, "
        f"or add the run's report_uri to {EXTRA_REPORTS}."
    )


def read_file(folder: ObjectStoragePath, name: str) -> bytes:
    """
    Return the content of a file.

    :raises UnreadableFileError: if it has over ``MAX_BYTES``, is missing, or can't be read for another reason.
    """
    try:
        with _opened(folder, name) as stream:
            content: bytes = stream.read(MAX_BYTES + 1)
    except Exception as error:  # the drivers of object storage have no common exception
        _log(folder, name, error)
        raise UnreadableFileError(_unreadable(folder, name)) from None
    if len(content) > MAX_BYTES:
        raise UnreadableFileError(f"{name} is larger than {MAX_BYTES:,} bytes. Open it from the folder {folder}.")
    return content


def read_lines(folder: ObjectStoragePath, name: str) -> Iterator[bytes]:
    """
    Yield the lines of a file of any size.

    :raises UnreadableFileError: if it is missing, or can't be read for another reason.
    """
    try:
        with _opened(folder, name) as stream:
            yield from stream
    except Exception as error:  # the drivers of object storage have no common exception
        _log(folder, name, error)
        raise UnreadableFileError(_unreadable(folder, name)) from None


def _extra_bases() -> list[ObjectStoragePath]:
    bases = map(str.strip, os.environ.get(EXTRA_REPORTS, "").split(","))
    return [ObjectStoragePath(folders.absolute(base)) for base in bases if base]


def _opened(folder: ObjectStoragePath, name: str) -> BinaryIO:
    """Open a file; below a local base without following a symbolic link, since others may write there."""
    file: Any = folder / name
    if folder.protocol in ("", "file", "local"):
        return open(file.path, "rb", opener=_open_below_base)
    stream: BinaryIO = file.open("rb")
    return stream


def _log(folder: ObjectStoragePath, name: str, error: Exception) -> None:
    log.warning("A run's file can't be read", folder=str(folder), file=name, reason=str(error))


def _unreadable(folder: object, name: str) -> str:
    return f"The api-server can't read {name} in the folder {folder}."


def _open_below_base(path: str, flags: int) -> int:
    base, *names = path.rsplit("/", 3)
    opened = os.open(base, os.O_RDONLY)
    for name in names:
        above = opened
        try:
            opened = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        finally:
            os.close(above)
    return opened
