"""The page of a run's report: it is read from that run's own folder only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from include import reports, run

EXTRA_REPORTS = "SSO_TICKETS_EXTRA_REPORTS"
MAX_BYTES = 16 * 2**20


def own_folder(report_uri: str, dag_id: str, run_id: str) -> ObjectStoragePath | None:
    """
    Return a run's own folder below one of the deployment's bases; None if ``report_uri`` is another folder.

    The bases are the default of the parameter ``report_uri`` and those of ``SSO_TICKETS_EXTRA_REPORTS``. Users can set
    ``report_uri`` in the run's XCom, so it only selects a base.
    """
    own = str(reports.run_folder(Path(), dag_id, run_id))
    bases = [run.DEFAULT_REPORTS, *os.environ.get(EXTRA_REPORTS, "").split(",")]
    for base in filter(None, map(str.strip, bases)):
        folder = ObjectStoragePath(run.absolute(base)) / own
        if _normal(report_uri) == _normal(str(folder)):
            return folder
    return None


def read_page(folder: ObjectStoragePath) -> bytes:
    """
    Return a report's page, or its first ``MAX_BYTES`` and one.

    No symbolic link below a local base is followed, since others may write there.
    """
    page: Any = folder / "report.html"
    local = folder.protocol in ("", "file", "local")
    with open(page.path, "rb", opener=_open_below_base) if local else page.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


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
