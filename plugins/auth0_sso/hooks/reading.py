"""Reads what became of links: the tenant's logs, its connections, and what organizations have of them."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, before_sleep_log, retry_if_exception_type, stop_before_delay

from auth0_sso.exceptions import (
    GRANT_SCOPE,
    Auth0ReadError,
    Auth0RowError,
    Auth0ScopeError,
    Auth0TransientError,
)
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.identifiers import is_id
from auth0_sso.models import ConnectionFacts, DomainFacts, SetupEvent, iso, shown
from auth0_sso.runtime.own_bucket import OwnBucketRateLimiter
from auth0_sso.runtime.rate_limit_headers import retry_after

READ_LOGS_SCOPE = "read:logs"
READ_CONNECTIONS_SCOPE = "read:connections"
READ_ORGANIZATION_CONNECTIONS_SCOPE = "read:organization_connections"
READ_DISCOVERY_DOMAINS_SCOPE = "read:organization_discovery_domains"
READING_SCOPES = frozenset(
    (
        READ_LOGS_SCOPE,
        READ_CONNECTIONS_SCOPE,
        READ_ORGANIZATION_CONNECTIONS_SCOPE,
        READ_DISCOVERY_DOMAINS_SCOPE,
    )
)
"""The scopes of what is read; each is optional, since without it only these facts are missing."""

_LOGS_PATH = "/api/v2/logs"
_CONNECTIONS_PATH = "/api/v2/connections"
_ORGANIZATIONS_PATH = "/api/v2/organizations"
_CONNECTION_FIELDS = "id,name,strategy"
_FLOW_TYPES = ("create", "update")

# Auth0 gives no more results of one search, whatever the page.
_MAX_RESULTS = 1000
# Against a tenant that names a next page for ever: 100,000 connections.
_MAX_PAGES = 1000
_MAX_TEXT = 255
# A log may quote the address of a request.
_TICKET_ID = re.compile(r"(?<=\bticket=)[^\s&\"'<>]+", re.IGNORECASE)

log = logging.getLogger(__name__)


class _Details(BaseModel):
    ss_sso_event_name: str = Field(min_length=1)
    connection_name: str | None = None
    flow_type: str | None = None


class _Log(BaseModel):
    log_id: str = Field(min_length=1)
    date: datetime
    type: Literal["ss_sso_success", "ss_sso_failure", "ss_sso_info"]
    description: str | None = None
    details: _Details

    def event(self) -> SetupEvent:
        date = self.date if self.date.tzinfo else self.date.replace(tzinfo=UTC)
        flow_type = self.details.flow_type or ""
        return SetupEvent(
            log_id=shown(self.log_id, _MAX_TEXT),
            at=date.timestamp(),
            name=shown(self.details.ss_sso_event_name, _MAX_TEXT),
            succeeded=self.type != "ss_sso_failure",
            connection_name=shown(self.details.connection_name or "", _MAX_TEXT),
            flow_type=flow_type if flow_type in _FLOW_TYPES else "",
            message=shown(_TICKET_ID.sub("…", self.description or ""), _MAX_TEXT),
        )


class _Connection(BaseModel):
    id: str
    name: str
    strategy: str

    def facts(self) -> ConnectionFacts:
        return ConnectionFacts(self.id, self.name, self.strategy)


class _EnabledConnection(BaseModel):
    connection_id: str


class _Domain(BaseModel):
    domain: str
    status: str

    def facts(self) -> DomainFacts:
        return DomainFacts(self.domain, is_verified=self.status == "verified")


Item = TypeVar("Item")


class _Page(BaseModel, Generic[Item]):
    """A part of a list; ``next`` is where the next part begins, if there is one."""

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True)
class _List(Generic[Item]):
    """
    A list of the API, which an answer is, or has as ``key`` beside what the page is.

    :param scope: that reading it needs.
    :param page: of its items.
    :param size: items of a full page.
    """

    scope: str
    key: str
    page: type[_Page[Item]]
    size: int


# The largest pages that Auth0 gives of logs and connections; for organizations, those that it gives by default.
_LOGS = _List(READ_LOGS_SCOPE, "logs", _Page[dict[str, Any]], 100)
_CONNECTIONS = _List(READ_CONNECTIONS_SCOPE, "connections", _Page[_Connection], 100)
_ENABLED = _List(READ_ORGANIZATION_CONNECTIONS_SCOPE, "enabled_connections", _Page[_EnabledConnection], 50)
_DOMAINS = _List(READ_DISCOVERY_DOMAINS_SCOPE, "domains", _Page[_Domain], 50)


class SetupReader:
    """
    Read what became of links, from a tenant that has no list of them.

    ::

        async with hook.open():
            reader = SetupReader(hook)
            async for events, read_until in reader.setup_events(yesterday, today):
                ...

    A request that fails for a passing reason is repeated within the retry budget, since reading changes nothing.
    Requests leave at the rate of the hook's limiter. Those of one scope are slowed down by their own answers only.

    Errors of all methods:

    - Auth0ScopeError if the token lacks the scope, which it names: its facts can be left out.
    - Auth0RunError if no request can succeed until the settings are fixed.
    - Auth0RowError if the request is refused, as for an organization that does not exist.
    - Auth0TransientError if the tenant is busy, down or unreachable for longer than the retry budget.
    - Auth0ReadError if an answer has another shape than documented.

    :param hook: an open hook with a rate limiter.
    """

    def __init__(self, hook: Auth0Hook) -> None:
        shared = hook.require_rate_limiter()
        self._hook = hook
        self._rate_limiters = {scope: OwnBucketRateLimiter(shared) for scope in READING_SCOPES}

    @property
    def rate_limited(self) -> int:
        """How many requests got a 429."""
        return sum(rate_limiter.rate_limited for rate_limiter in self._rate_limiters.values())

    async def granted_scopes(self, *, renew: bool) -> frozenset[str]:
        """
        Return which of ``READING_SCOPES`` the token has, or all of them if nobody knows, as of a ready-made token.

        :param renew: whether a token that lacks one is renewed, so that a scope counts that has just been granted. A
            plan of Auth0 has a number of tokens a month.
        """
        token = await (self._hook.token_with(READING_SCOPES) if renew else self._hook.token())
        return READING_SCOPES & token.scopes if token.scopes else READING_SCOPES

    async def setup_events(self, start: float, end: float) -> AsyncIterator[tuple[list[SetupEvent], float]]:
        """
        Yield the events of self-service SSO in a window of time, each log once, by date (scope ``read:logs``).

        They come in parts, each with the UNIX time until which the window is then read. The logs arrive late and not in
        the order of their dates: read an overlap again, and count a log's id once.

        :param start: UNIX seconds; the window begins with that whole second.
        :param end: UNIX seconds, the window's end, which is not part of it; a second that has begun is.
        """
        seen: set[str] = set()
        first, last = math.floor(start), math.ceil(end)
        while first < last:
            logs = await self._logs(first, last)
            is_all = len(logs) < _MAX_RESULTS
            events = _events(logs)
            first = last if is_all else _next_second(first, events)
            new = {event.log_id: event for event in events if event.log_id not in seen}
            seen |= new.keys()
            yield list(new.values()), min(first, end)

    async def connection_by_name(self, name: str) -> ConnectionFacts | None:
        """Return the connection of that name (scope ``read:connections``); None if there is none."""
        query = {"name": name, "fields": _CONNECTION_FIELDS}
        page = await self._read(_CONNECTIONS, _CONNECTIONS_PATH, query)
        return next((one.facts() for one in page.items if one.name == name), None)

    async def connections(self) -> AsyncIterator[ConnectionFacts]:
        """Yield all connections of the tenant (scope ``read:connections``)."""
        query = {"fields": _CONNECTION_FIELDS}
        async for connection in self._by_checkpoint(_CONNECTIONS, _CONNECTIONS_PATH, query):
            yield connection.facts()

    async def enabled_connection_ids(self, organization_id: str) -> set[str]:
        """Return the connections that an organization's users can log in with (``read:organization_connections``)."""
        path = f"{_organization(organization_id)}/enabled_connections"
        enabled = await self._by_page(_ENABLED, path, {})
        return {connection.connection_id for connection in enabled}

    async def discovery_domains(self, organization_id: str) -> list[DomainFacts]:
        """Return the discovery domains of an organization (scope ``read:organization_discovery_domains``)."""
        path = f"{_organization(organization_id)}/discovery-domains"
        return [domain.facts() async for domain in self._by_checkpoint(_DOMAINS, path, {})]

    async def _logs(self, first: int, last: int) -> list[dict[str, Any]]:
        """Return the logs of a window, at most ``_MAX_RESULTS``; if there are so many, there may be more."""
        # No ``fields``: the API doesn't take log_id there.
        return await self._by_page(_LOGS, _LOGS_PATH, {"q": _search(first, last), "sort": "date:1"})

    async def _by_page(self, kind: _List[Item], path: str, query: Mapping[str, str]) -> list[Item]:
        """Return the items of all numbered pages, up to the first that is not full; at most ``_MAX_RESULTS``."""
        items: list[Item] = []
        for number in range(_MAX_RESULTS // kind.size):
            page = await self._read(kind, path, {**query, "per_page": kind.size, "page": number})
            items += page.items
            if len(page.items) < kind.size:
                break
        return items

    async def _by_checkpoint(self, kind: _List[Item], path: str, query: Mapping[str, str]) -> AsyncIterator[Item]:
        """Yield the items of all pages, each of which names where the next one begins."""
        begin: dict[str, str] = {}
        for _ in range(_MAX_PAGES):
            page = await self._read(kind, path, {**query, "take": kind.size, **begin})
            for item in page.items:
                yield item
            if not page.next:
                return
            begin = {"from": page.next}
        raise Auth0ReadError(
            f"GET {path}: Auth0 has named a next page {_MAX_PAGES:,} times, and may never stop.",
            advice="Try again later. If it stays so, ask Auth0's support.",
        )

    async def _read(self, kind: _List[Item], path: str, query: Mapping[str, str | int]) -> _Page[Item]:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Auth0TransientError),
            wait=self._pause,
            stop=stop_before_delay(self._hook.timeouts.retry_budget),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        try:
            answer: object = await retrying(self._hook.read, path, query, self._rate_limiters[kind.scope])
        except Auth0ScopeError as error:
            raise Auth0ScopeError(
                f"The access token lacks the scope {kind.scope}, which GET {path} needs.",
                advice=GRANT_SCOPE,
                status=error.status,
                error_code=error.error_code,
                headers=error.headers,
            ) from None
        return _page(kind, answer, path)

    def _pause(self, attempts: RetryCallState) -> float:
        """Return the seconds before the next attempt; none after a 429, for which the rate limiter pauses."""
        error = attempts.outcome.exception() if attempts.outcome else None
        if not isinstance(error, Auth0TransientError) or error.handled_by_rate_limiter:
            return 0.0
        return self._hook.timeouts.backoff(attempts.attempt_number, retry_after(error.headers))


def _search(first: int, last: int) -> str:
    """Return the search of a window's logs, which ends before ``last``; see Auth0's "Log Search Query Syntax"."""
    begin, end = (iso(second).removesuffix("Z") for second in (first, last))
    return f"type:(ss_sso_success OR ss_sso_failure OR ss_sso_info) AND date:[{begin} TO {end}}}"


def _next_second(first: int, events: Sequence[SetupEvent]) -> int:
    """Return where to go on after a search that had more results than it returns: at the second of the last one."""
    last = math.floor(max((event.at for event in events), default=first))
    if last > first:
        return last
    log.warning(
        "The tenant has %d or more logs of self-service SSO in the second %s, and its search returns no more of them",
        _MAX_RESULTS,
        iso(first),
    )
    return first + 1


def _events(logs: Sequence[Mapping[str, Any]]) -> list[SetupEvent]:
    """Return the events of logs, without those that lack what tells one: a warning counts them."""
    events = []
    for one in logs:
        try:
            events.append(_Log.model_validate(one).event())
        except ValidationError:
            continue
    if skipped := len(logs) - len(events):
        log.warning("%d of %d logs are skipped: they lack id, date, type or details", skipped, len(logs))
    return events


def _organization(organization_id: str) -> str:
    if not is_id(organization_id):
        raise Auth0RowError(f"{organization_id[:80]!r} can be no organization.", advice="Give its id, org_….")
    return f"{_ORGANIZATIONS_PATH}/{organization_id}"


def _page(kind: _List[Item], answer: object, path: str) -> _Page[Item]:
    body = answer if isinstance(answer, Mapping) else {kind.key: answer}
    try:
        return kind.page.model_validate({"items": body.get(kind.key), "next": body.get("next")})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])).replace("items", kind.key, 1)
        raise Auth0ReadError(
            f"GET {path}: Auth0's answer has another shape than it documents: {place}: {problem['msg']}.",
            advice="Check that the connection's host is the tenant's domain, and whether Auth0 has changed its API.",
        ) from None
