"""The files of a run's report: they are read from that run's own folder only."""

from __future__ import annotations

import os
from typing import Any

import structlog
from airflow.sdk import ObjectStoragePath

from include import folders

log = structlog.get_logger(__name__)

EXTRA_REPORTS = "SSO_TICKETS_EXTRA_REPORTS"
MAX_BYTES = 64 * 2**20


class UnreadableFileError(ValueError):
    """The api-server can't read a file of a run; the message says which one and where it is."""


def own_folder(report_uri: str, dag_id: str, run_id: str) -> ObjectStoragePath | None:
    """
    Return a run's own folder below one of the deployment's bases; None if ``report_uri`` is another folder.

    The bases are the default of the parameter ``report_uri`` and those of ``SSO_TICKETS_EXTRA_REPORTS``. Users can set
    ``report_uri`` in the run's XCom, so it only selects a base.
    """
    own = folders.relative_folder(dag_id, run_id)
    bases = [folders.DEFAULT_REPORTS, *os.environ.get(EXTRA_REPORTS, "").split(",")]
    for base in filter(None, map(str.strip, bases)):
        folder = ObjectStoragePath(folders.absolute(base)) / own
        if _normal(report_uri) == _normal(str(folder)):
            return folder
    return None


def read_file(folder: ObjectStoragePath, name: str) -> bytes:
    """
    Return the content of a file.

    No symbolic link below a local base is followed, since others may write there.

    :raises UnreadableFileError: if it has over ``MAX_BYTES``, is missing, or can't be read for another reason.
    """
    file: Any = folder / name
    local = folder.protocol in ("", "file", "local")
    try:
        with open(file.path, "rb", opener=_open_below_base) if local else file.open("rb") as stream:
            content: bytes = stream.read(MAX_BYTES + 1)
    except Exception as error:  # the drivers of object storage have no common exception
        log.warning("A run's file can't be read", folder=str(folder), file=name, reason=str(error))
        raise UnreadableFileError(f"The api-server can't read {name} in the folder {folder}.") from None
    if len(content) > MAX_BYTES:
        raise UnreadableFileError(f"{name} is larger than {MAX_BYTES:,} bytes. Open it from the folder {folder}.")
    return content


def _normal(uri: str) -> str:
    path = uri.removeprefix("file://")
    return path if "://" in path else os.path.normpath(path)


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
