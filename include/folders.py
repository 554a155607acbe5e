"""Where a run's files are: ``{base}/{dag_id}/{run_id}``."""

from __future__ import annotations

import os
import re
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from include.files import require_shared

if TYPE_CHECKING:
    from include.files import AnyPath

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_REPORTS = os.environ.get("SSO_TICKETS_REPORTS") or "reports"

_MAX_NAME_CHARACTERS = 200
_DIGITS = 16
_TIME = re.compile(r"(?<=T\d\d)_(\d\d)_(\d\d(?:\.\d+)?[+-]\d\d)_(?=\d\d)", re.ASCII)


class Run(Protocol):
    """The part of a DAG run that is used here and in the report."""

    dag_id: str
    run_id: str
    start_date: datetime | None


def absolute(uri: str) -> str:
    """Return a URI as it is, and a path, which may be relative to the project's folder, as an absolute path."""
    return uri if "://" in uri else str(PROJECT / os.path.expanduser(uri))


def run_folder(base: AnyPath, run: Run) -> AnyPath:
    """Return the folder of a run's report; UnsharedFolderError if other tasks can't see it."""
    require_shared(base)
    return base / relative_folder(run.dag_id, run.run_id)


def relative_folder(dag_id: str, run_id: str) -> str:
    """
    Return a run's folder below the folder of reports: ``{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``. Unless these are the
    colons of a time, as in Airflow's own run ids, the name then ends with a digest of the original, so that no two
    runs share a folder. So does a name of over 200 characters, or one of dots only.
    """
    return f"{_safe_name(dag_id)}/{_safe_name(run_id)}"


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+=@-]", "_", name)
    can_be_read_back = _TIME.sub(r":\1:\2:", safe) == name
    seems_to_end_with_a_digest = re.search(rf"-[0-9a-f]{{{_DIGITS}}}$", safe)
    is_short = len(safe) <= _MAX_NAME_CHARACTERS
    if can_be_read_back and is_short and safe.strip(".") and not seems_to_end_with_a_digest:
        return safe
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{safe[: _MAX_NAME_CHARACTERS - _DIGITS - 1]}-{digest}"
