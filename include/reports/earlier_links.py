"""The links that the reports of earlier runs list."""

from __future__ import annotations

import heapq
import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.files import AnyPath

_STARTED = re.compile(r"__(\d{4}-\d\d-\d\dT.*)", re.ASCII)
_MAX_REPORTS = 50
_MAX_SUMMARY_BYTES = 2**20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportedLinks:
    """How many links a report lists, in which folder it is, and when its run ended (ISO 8601 in UTC)."""

    folder: str
    finished_at: str
    links: int


def newest_links(folder: AnyPath, tenant: str, within: timedelta) -> ReportedLinks | None:
    """
    Return the newest report of a DAG that lists links of a tenant, if its run ended within that time; else None.

    Of many reports the newest 50 are looked at, by the time in the run id. A report that can't be read is left out.

    :param folder: ``{base}/{dag_id}``; it may be missing.
    :param tenant: the tenant's domain.
    """
    newest = heapq.nlargest(_MAX_REPORTS, _names(folder), key=_started)
    oldest = datetime.now(UTC) - within
    for name in newest:
        found = _read_links(folder / name, tenant, oldest)
        if found is not None:
            return found
    return None


def _names(folder: AnyPath) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except FileNotFoundError:
        return []
    except Exception as error:  # the drivers of object storage have no common exception
        log.warning("The folder of reports, %s, can't be read: %s", folder, error)
        return []


def _read_links(folder: AnyPath, tenant: str, oldest: datetime) -> ReportedLinks | None:
    file = folder / "summary.json"
    try:
        if not file.is_file():  # a pipe would never end
            return None
        with file.open("rb") as stream:
            summary = json.loads(stream.read(_MAX_SUMMARY_BYTES))
        links, finished_at = summary["created"] + summary["reused"], summary["finished_at"]
        if links > 0 and summary["tenant"] == tenant and datetime.fromisoformat(finished_at) > oldest:
            return ReportedLinks(str(folder), finished_at, links)
    except Exception as error:  # as above, or it is no summary
        log.warning("The report in %s is left out, since its summary.json can't be read: %r", folder, error)
    return None


def _started(name: str) -> str:
    """Return the time in a folder's name as text that can be compared; empty if Airflow didn't choose the run id."""
    found = _STARTED.search(name)
    return found[1] if found else ""
