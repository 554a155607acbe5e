"""The folders of the runs' reports."""

from __future__ import annotations

import heapq
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.files import AnyPath

_NAME_LIMIT = 200
_DIGITS = 16
_STARTED = re.compile(r"__(\d{4}-\d\d-\d\dT.*)", re.ASCII)
_MOST_LOOKED_AT = 50
_TIME = re.compile(r"(?<=T\d\d)_(\d\d)_(\d\d(?:\.\d+)?[+-]\d\d)_(?=\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportedLinks:
    """How many links a report lists, in which folder it is, and when its run ended (ISO 8601 in UTC)."""

    folder: str
    finished_at: str
    links: int


def run_folder(base: AnyPath, dag_id: str, run_id: str) -> AnyPath:
    """Return the folder of a run's report: ``{base}/{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``. Unless these are the
    colons of a time, as in Airflow's own run ids, the name then ends with a digest of the original, so that no two
    runs share a folder. So does a name of over 200 characters, or one of dots only.
    """
    return base / _safe_name(dag_id) / _safe_name(run_id)


def newest_links(folder: AnyPath, within: timedelta) -> ReportedLinks | None:
    """Return the newest report of a DAG that lists links, if its run ended within that time; else None.

    Of many reports the newest 50 are looked at, by the time in the run id. A report that can't be read is left out.

    :param folder: ``{base}/{dag_id}``.
    """
    newest = heapq.nlargest(_MOST_LOOKED_AT, (one.name for one in folder.iterdir()), key=_started)
    oldest = datetime.now(UTC) - within
    for name in newest:
        try:
            summary = json.loads((folder / name / "summary.json").read_bytes())
            links = summary["created"] + summary["reused"]
            is_recent = datetime.fromisoformat(summary["finished_at"]) > oldest
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if links and is_recent:
            return ReportedLinks(str(folder / name), summary["finished_at"], links)
    return None


def _started(name: str) -> str:
    """Return the time in a folder's name as text that can be compared; empty if Airflow didn't choose the run id."""
    found = _STARTED.search(name)
    return found[1] if found else ""


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+=@-]", "_", name)
    # Only a name that can be derived from the folder, and has no digest itself, needs no digest.
    if (
        _TIME.sub(r":\1:\2:", safe) == name
        and safe.strip(".")
        and len(safe) <= _NAME_LIMIT
        and not re.search(rf"-[0-9a-f]{{{_DIGITS}}}$", safe)
    ):
        return safe
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{safe[: _NAME_LIMIT - _DIGITS - 1]}-{digest}"
