"""How every Management API call is served: rate limit, latency, token, checks, the work, faults, headers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from fastapi import Request, Response

from dev.sandbox.api.body import parse_ticket_body
from dev.sandbox.api.fault_responses import apply_faults, change_headers
from dev.sandbox.errors import ErrorResponse, api_error
from dev.sandbox.faults import Route, Stage
from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import connection_name, organization_ids
from dev.sandbox.tenant.token_bucket import Reading
from dev.sandbox.tenant.traffic import Seen


@dataclass(slots=True)
class Call:
    """
    One call.

    :param body: the parsed body; ``None`` when it can't be parsed
    :param seen: its entry in the tenant's traffic
    :param scopes: those of its token
    :param query: its query parameters, once they are checked
    """

    request: Request
    body: Any
    seen: Seen
    scopes: Collection[str] = ()
    query: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One endpoint.

    :param route: its name among the faults' routes
    :param method: HTTP method
    :param path: path template
    :param scope: the scope its token needs; ``None`` when any token will do
    :param do: does what the call requests
    :param check: raises :class:`ErrorResponse` when that can't be done
    """

    route: Route
    method: str
    path: str
    scope: str | None
    do: Callable[[TenantState, Call], Response]
    check: Callable[[TenantState, Call], None] = lambda _tenant, _call: None


class ManagementApi:
    """Serves the calls of one tenant's Management API."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def serve(self, endpoint: Endpoint, request: Request) -> Response:
        """
        Serve one call.

        The rate limit comes first: a call with a bad token or a bad body costs as much as a good one.
        """
        tenant = self._tenant
        now = tenant.clock()
        reading, faults = tenant.draw(endpoint.route, now)
        seen = Seen(now, request.method, endpoint.path, reading.allowed, faults=faults)
        tenant.requests.append(seen)
        try:
            body = parse_ticket_body(await request.body())
        except (ValueError, RecursionError):
            body = None
        seen.connection_name = connection_name(body)
        seen.organization_ids = organization_ids(body)
        await tenant.pause()
        try:
            response = await self._response(endpoint, Call(request, body, seen), reading)
        except ErrorResponse as error:
            response = error.response
        seen.status = response.status_code
        response.headers.update(self._headers(reading))
        for fault, _ in tenant.faults.due("headers", endpoint.route, tenant.clock()):
            change_headers(response, fault)
        return response

    async def _response(self, endpoint: Endpoint, call: Call, reading: Reading) -> Response:
        tenant = self._tenant
        if not reading.allowed and tenant.settings.bare_429:
            raise api_error(429)
        if not reading.allowed:
            raise api_error(429, "Global limit has been reached", "too_many_requests")
        for _ in tenant.faults.due("authorize", endpoint.route, tenant.clock()):
            raise api_error(401, "Invalid token")
        authorization = call.request.headers.get("authorization")
        call.scopes = tenant.tokens.authorize(authorization, endpoint.scope, tenant.clock())
        endpoint.check(tenant, call)
        bad_response = await self._apply_faults("before", endpoint, call.seen)
        if bad_response is not None:
            return bad_response
        response = endpoint.do(tenant, call)
        return await self._apply_faults("after", endpoint, call.seen) or response

    async def _apply_faults(self, stage: Stage, endpoint: Endpoint, seen: Seen) -> Response | None:
        now = self._tenant.clock()
        due = self._tenant.faults.due(stage, endpoint.route, now, seen.connection_name, seen.organization_ids)
        return await apply_faults(due, seen)

    def _headers(self, reading: Reading) -> dict[str, str]:
        now = self._tenant.clock()
        headers = {
            "Date": formatdate(now, usegmt=True),
            "X-RateLimit-Limit": str(reading.limit),
            "X-RateLimit-Remaining": str(reading.remaining),
            "X-RateLimit-Reset": str(reading.reset),
        }
        if self._tenant.settings.retry_after and not reading.allowed:
            headers["Retry-After"] = str(max(1, math.ceil(reading.next_at - now)))
        return headers
