"""The way every Management API call goes: rate limit, latency, token, checks, the deed, faults, headers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dev.sandbox.api.fault_responses import dress, struck_by
from dev.sandbox.errors import ApiError, rate_limited
from dev.sandbox.tenant.clock import http_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request, Response

    from dev.sandbox.faults import Route, Stage
    from dev.sandbox.tenant.state import TenantState
    from dev.sandbox.tenant.token_bucket import Reading
    from dev.sandbox.tenant.traffic import Seen


@dataclass(slots=True)
class Call:
    """One call on its way.

    :param request: the request
    :param raw: its body
    :param seen: its entry in the tenant's traffic
    :param body: what the body says, once it was read
    """

    request: Request
    raw: bytes
    seen: Seen
    body: Any = None


def _nothing(*_: object) -> None:
    """Neither read nor check anything."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    :param route: its name among the faults' routes
    :param method: HTTP method
    :param path: path template
    :param scope: the scope its token needs; nothing when any token will do
    :param do: does what the call asks
    :param check: raises :class:`ApiError` when that can't be done
    :param read: fills in the call's body and traffic entry; never refuses
    """

    route: Route
    method: str
    path: str
    scope: str | None
    do: Callable[[TenantState, Call], Response]
    check: Callable[[TenantState, Call], None] = _nothing
    read: Callable[[Call], None] = _nothing


class ManagementApi:
    """Answers the calls of one tenant's Management API."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def serve(self, endpoint: Endpoint, request: Request) -> Response:
        """Answer one call.

        The rate limit comes first: a call with a bad token or a bad body costs as much as a good one.
        """
        tenant = self._tenant
        now = tenant.clock()
        reading, faults = tenant.draw(endpoint.route, now)
        seen = tenant.traffic.arrive(now, request.method, endpoint.path, reading.allowed)
        seen.faults = faults
        call = Call(request, await request.body(), seen)
        endpoint.read(call)
        await tenant.pause()
        try:
            response = await self._answer(endpoint, call, reading)
        except ApiError as error:
            response = error.response()
        seen.status = response.status_code
        response.headers.update(self._headers(reading))
        for fault, _ in tenant.faults.due("headers", endpoint.route, tenant.clock()):
            dress(response, fault)
        return response

    async def _answer(self, endpoint: Endpoint, call: Call, reading: Reading) -> Response:
        tenant = self._tenant
        if not reading.allowed:
            raise rate_limited(bare=tenant.settings.bare_429)
        for _ in tenant.faults.due("authorize", endpoint.route, tenant.clock()):
            raise ApiError(401, "Invalid token")
        tenant.tokens.authorize(call.request.headers.get("authorization"), endpoint.scope, tenant.clock())
        endpoint.check(tenant, call)
        bad_answer = await self._strike("before", endpoint, call)
        if bad_answer is not None:
            return bad_answer
        answer = endpoint.do(tenant, call)
        return await self._strike("after", endpoint, call) or answer

    async def _strike(self, stage: Stage, endpoint: Endpoint, call: Call) -> Response | None:
        seen = call.seen
        due = self._tenant.faults.due(
            stage, endpoint.route, self._tenant.clock(), seen.connection_name, seen.organization_ids
        )
        return await struck_by(due, seen)

    def _headers(self, reading: Reading) -> dict[str, str]:
        settings = self._tenant.settings
        headers = {"Date": http_date(self._tenant.clock())}
        if settings.rate_limit_headers:
            headers |= {
                "X-RateLimit-Limit": str(reading.limit),
                "X-RateLimit-Remaining": str(reading.remaining),
                "X-RateLimit-Reset": str(reading.reset(settings.reset_means)),
            }
        if settings.retry_after and not reading.allowed:
            headers["Retry-After"] = str(max(1, math.ceil(reading.next_at - self._tenant.clock())))
        return headers
