"""The searches of the suite's events in a tenant's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_SSO_EVENTS: Final = "type:(ss_sso_success OR ss_sso_failure OR ss_sso_info)"


@dataclass(frozen=True)
class Window:
    """The time from ``start`` on, which is in UTC and before the suite's first link."""

    start: datetime

    def query(self, first: timedelta = timedelta(0), last: timedelta = timedelta(hours=1)) -> str:
        """Return a search of the events of self-service SSO between two times, both counted from the start."""
        begin, end = (f"{self.start + shift:%Y-%m-%dT%H:%M:%S}" for shift in (first, last))
        return f"{_SSO_EVENTS} AND date:[{begin} TO {end}}}"
