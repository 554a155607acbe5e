"""
The tenant's log: what happened in it, by whom, and from when on each event can be found.

Source: Auth0's pages "Retrieve Logs Using the Management API" and "Log Data Retention", and its Tenant Log Catalog.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from fastapi import Request

from dev.sandbox.tenant.clock import Clock
from dev.sandbox.tenant.settings import SandboxSettings

LogType = Literal["ss_sso_success", "ss_sso_info", "ss_sso_failure", "seccft", "feccft"]
Event = Mapping[str, Any]
"""An event as the API shows it."""

Matches = Callable[[Event], bool]
"""Says whether a search is for an event."""

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    Who causes an event.

    :param ip: the address the request comes from
    :param user_agent: the request's header
    """

    ip: str
    user_agent: str

    @classmethod
    def of(cls, request: Request) -> Visitor:
        """Return who sent a request; behind a proxy on this machine, who it says."""
        return cls(request.client.host if request.client else "127.0.0.1", request.headers.get("user-agent", ""))


@dataclass(frozen=True, slots=True)
class _Entry:
    at: float
    searchable_at: float
    event: Event


class TenantLog:
    """
    The events of a tenant, in the order in which they were written.

    :param settings: how long an event is kept, and how soon a search finds it
    :param clock: the tenant's time
    """

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._entries: list[_Entry] = []

    def write(self, kind: LogType, description: str, visitor: Visitor, **more: Any) -> None:
        """Write an event of this moment; ``more`` are the fields that only its type has."""
        now = self._clock()
        event = {
            "$event_schema": {"version": "1.0.0"},
            "date": iso_time(now),
            "type": kind,
            "description": description,
            "ip": visitor.ip,
            "user_agent": visitor.user_agent,
            "log_id": f"900{datetime.fromtimestamp(now, UTC):%Y%m%d%H%M%S}{len(self._entries):023}",
            "tenant_name": "sandbox",
            "environment_name": "sandbox-1",
            **more,
        }
        delay = random.uniform(*self._settings.log_delay)  # noqa: S311
        self._entries.append(_Entry(now, now + delay, event))

    def events(self) -> list[Event]:
        """Return all events that are kept, in the order of their ``log_id``."""
        return [entry.event for entry in self._kept()]

    def search(self, matches: Matches) -> list[Event]:
        """Return the events that a search finds by now, oldest first."""
        now = self._clock()
        return [entry.event for entry in self._kept() if entry.searchable_at <= now and matches(entry.event)]

    def _kept(self) -> Iterator[_Entry]:
        oldest = self._clock() - self._settings.limit.log_days * _DAY
        return (entry for entry in self._entries if entry.at >= oldest)


def iso_time(at: float) -> str:
    """Return a UNIX time as the log shows it, with milliseconds and ``Z``. Such texts sort as their times do."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
