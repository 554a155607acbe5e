"""The folders of the runs' reports."""

from __future__ import annotations

import heapq
import json
import logging
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
_MOST_SUMMARY_BYTES = 2**20
_TIME = re.compile(r"(?<=T\d\d)_(\d\d)_(\d\d(?:\.\d+)?[+-]\d\d)_(?=\d\d)", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportedLinks:
    """How many links a report lists, in which folder it is, and when its run ended (ISO 8601 in UTC)."""

    folder: str
    finished_at: str
    links: int


def run_folder(base: AnyPath, dag_id: str, run_id: str) -> AnyPath:
    """
    Return the folder of a run's report: ``{base}/{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``. Unless these are the
    colons of a time, as in Airflow's own run ids, the name then ends with a digest of the original, so that no two
    runs share a folder. So does a name of over 200 characters, or one of dots only.
    """
    return base / _safe_name(dag_id) / _safe_name(run_id)


def newest_links(folder: AnyPath, within: timedelta) -> ReportedLinks | None:
    """
    Return the newest report of a DAG that lists links, if its run ended within that time; else None.

    Of many reports the newest 50 are looked at, by the time in the run id. A report that can't be read is left out.

    :param folder: ``{base}/{dag_id}``; it may be missing.
    """
    newest = heapq.nlargest(_MOST_LOOKED_AT, _names(folder), key=_started)
    oldest = datetime.now(UTC) - within
    return next((found for name in newest if (found := _read_links(folder / name, oldest))), None)


def _names(folder: AnyPath) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except FileNotFoundError:
        return []
    except Exception as error:  # the drivers of object storage have no common exception
        log.warning("The folder of reports, %s, can't be read: %s", folder, error)
        return []


def _read_links(folder: AnyPath, oldest: datetime) -> ReportedLinks | None:
    file = folder / "summary.json"
    try:
        if not file.is_file():  # a pipe would never end
            return None
        with file.open("rb") as stream:
            summary = json.loads(stream.read(_MOST_SUMMARY_BYTES))
        links, finished_at = summary["created"] + summary["reused"], summary["finished_at"]
        if links > 0 and datetime.fromisoformat(finished_at) > oldest:
            return ReportedLinks(str(folder), finished_at, links)
    except Exception as error:  # as above, or it is no summary
        log.warning("The report in %s is left out, since its summary.json can't be read: %r", folder, error)
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
