"""The hook for Auth0's Management API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from airflow.providers.http.hooks.http import AsyncHttpSession, HttpAsyncHook, SessionConfig
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from auth0_sso.exceptions import (
    GRANT_SCOPE,
    SET_PROFILE,
    Auth0AmbiguousResultError,
    Auth0ConnectionError,
    Auth0ProfileError,
    Auth0RowError,
    Auth0ScopeError,
    Auth0UnreachableError,
    error_from_answer,
)
from auth0_sso.hooks.access_token import SharedToken, TokenStore
from auth0_sso.hooks.connection import read_settings
from auth0_sso.hooks.identifiers import ascii_host, is_id
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.hooks.token_endpoint import read_token_answer, token_request
from auth0_sso.hooks.transport import (
    ANSWER_LOST,
    Answer,
    NotConnectedError,
    RateLimitedConnector,
    cause_of,
    current_slot,
    not_connected,
    proxy_refusal,
    read_json,
    without_urls,
)
from auth0_sso.models import TENANT, SsoTicket, Token
from auth0_sso.runtime.rate_limiter import RateLimiter, Slot
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

CREATE_SCOPE = "create:sso_access_tickets"
REVOKE_SCOPE = "delete:sso_access_tickets"
READ_PROFILE_SCOPE = "read:self_service_profiles"

_PROFILES = "/api/v2/self-service-profiles"
_NEVER_SENT = (NotConnectedError, aiohttp.InvalidURL, aiohttp.ConnectionTimeoutError)
# A new token may be revoked, too, before the request that needs it leaves.
_MAX_RENEWALS = 2

Result = TypeVar("Result")


def require_profile_id(text: str) -> str:
    """Return a profile's id; Auth0ProfileError if no profile can have it."""
    if not is_id(text):
        raise Auth0ProfileError(f"{text[:80]!r} can be no self-service profile.", advice=SET_PROFILE)
    return text


def _require_host(text: str) -> str:
    """Return a custom domain in its DNS form; Auth0RowError if it is no host."""
    if host := ascii_host(text):
        return host
    raise Auth0RowError(
        f"The custom_domain {text[:80]!r} must be a host.",
        advice="Give it like login.example.com, without scheme, port and path.",
    )


class Auth0Hook(HttpAsyncHook):
    """
    Create and revoke self-service SSO access tickets.

    In a ``@task``::

        body = {"connection_config": {"name": "acme"}, "enabled_clients": ["id of the application"]}
        ticket = Auth0Hook().create_sso_ticket_sync(body)

    In asynchronous code::

        hook = Auth0Hook()
        hook.settings  # reads the connection, which must happen before an event loop runs
        async with hook.open():
            ticket = await hook.create_sso_ticket("ssp_...", body)

    Without ``enabled_clients`` the customer can't enable the connection.

    A refused token (401) is renewed. No other request is repeated: whether a POST may be is for the caller to
    decide. See https://auth0.com/docs/api/management/v2/self-service-profiles.

    :param auth0_conn_id: an Airflow connection of type ``auth0``.
    :param token_store: shares the token with other processes; without one, the hook requests its own.
    :param rate_limiter: delays requests to the Management API, and observes their answers.
    """

    conn_name_attr = "auth0_conn_id"
    default_conn_name = TENANT.auth0_conn_id
    conn_type = "auth0"
    hook_name = "Auth0"

    def __init__(
        self,
        auth0_conn_id: str = default_conn_name,
        *,
        token_store: TokenStore | None = None,
        rate_limiter: RateLimiter | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        super().__init__(method="POST", http_conn_id=auth0_conn_id, retry_limit=1)
        self.auth0_conn_id = auth0_conn_id
        self.rate_limiter = rate_limiter
        self.timeouts = timeouts
        self._token_store = token_store
        self._sessions: dict[str, AsyncHttpSession] = {}

    @cached_property
    def settings(self) -> Auth0Settings:
        """The connection's settings, or Auth0ConnectionError; read them before an event loop runs."""
        try:
            connection = self.get_connection(self.auth0_conn_id)
        except AirflowNotFoundException:
            raise Auth0ConnectionError(
                f"There is no connection '{self.auth0_conn_id}'.",
                advice="Make one of type Auth0 under Admin > Connections, or set the environment variable "
                f"AIRFLOW_CONN_{self.auth0_conn_id.upper()}.",
            ) from None
        settings = read_settings(connection)
        mask_secret([*settings.secrets])
        return settings

    @cached_property
    def _tokens(self) -> SharedToken:
        return SharedToken(self.settings, self._fetch_token, self._token_store, timeouts=self.timeouts)

    async def config(self) -> SessionConfig:
        """Return the session's configuration; unlike the base class, no extra becomes a header."""
        return SessionConfig(
            base_url=self.settings.base_url,
            headers={"Accept": "application/json"},
            extra_options={
                "timeout": aiohttp.ClientTimeout(total=self.settings.timeout, connect=self.timeouts.connect),
                "allow_redirects": False,
                "check_response": False,  # its error would lose body and headers
            },
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Auth0Hook, None]:
        """Keep connections to the tenant open inside the block."""
        config = await self.config()
        proxy = self.settings.proxy.get_secret_value() or None
        async with aiohttp.ClientSession(connector=RateLimitedConnector(), proxy=proxy) as client:
            for method, request in (("GET", client.get), ("POST", client.post)):
                self._sessions[method] = AsyncHttpSession(self, without_urls(request), config, method)
            try:
                yield self
            finally:
                self._sessions.clear()

    def require_rate_limiter(self) -> RateLimiter:
        """Return the rate limiter, for callers that must not send without one."""
        if self.rate_limiter is None:
            raise ValueError("this hook has no rate limiter")
        return self.rate_limiter

    async def token(self) -> Token:
        """Return a valid access token; Auth0RunError or Auth0TransientError if the tenant issues none."""
        return await self._tokens.get()

    async def token_with(self, scopes: Collection[str]) -> Token:
        """Return a token, renewed once if it is known to lack a scope, since that may have been granted meanwhile."""
        token = await self.token()
        if token.scopes and set(scopes) - token.scopes:  # unknown: a ready-made token, or an answer without them
            return await self._tokens.get(rejected=token)
        return token

    async def require_scopes(self, scopes: Collection[str]) -> Token:
        """Return a token; Auth0ScopeError if it is known to lack a scope, since Auth0 issues such tokens, too."""
        token = await self.token_with(scopes)
        missing = sorted(set(scopes) - token.scopes)
        if missing and token.scopes:
            raise Auth0ScopeError(
                f"The application of connection '{self.auth0_conn_id}' lacks the scope {' and '.join(missing)}.",
                advice=GRANT_SCOPE,
                status=403,
                error_code="insufficient_scope",
            )
        return token

    async def create_sso_ticket(
        self, profile_id: str, body: Mapping[str, Any], *, custom_domain: str = "", slot: Slot | None = None
    ) -> SsoTicket:
        """
        Create an access ticket: ``POST /api/v2/self-service-profiles/{id}/sso-ticket``.

        :param body: the request body, with the API's own field names.
        :param custom_domain: for the ``auth0-custom-domain`` header.
        :param slot: the slot of the rate limiter that the request uses; by default it takes the next one.
        :raises Auth0RowError: if the request is refused (400, 404, 409).
        :raises Auth0RunError: if no request can succeed (401, 403, unknown profile).
        :raises Auth0TransientError: on 429, 5xx and network errors; ``ambiguous`` if a ticket may exist.
        """
        headers = {"auth0-custom-domain": _require_host(custom_domain)} if custom_domain else {}
        path = f"{_PROFILES}/{require_profile_id(profile_id)}/sso-ticket"
        answer = await self._call("POST", path, dict(body), headers, slot)
        ticket = SsoTicket(str(answer.body.get("ticket") or ""))
        if not ticket.ticket_id:
            message = f"Auth0 answered {answer.status} without a ticket."
            raise Auth0AmbiguousResultError(message, status=answer.status, headers=answer.headers)
        return ticket

    async def revoke_sso_ticket(self, profile_id: str, ticket_id: str, *, slot: Slot | None = None) -> None:
        """Revoke a ticket of a profile; errors as for ``create_sso_ticket``, none if it is unknown or has expired."""
        path = f"{_PROFILES}/{require_profile_id(profile_id)}/sso-ticket/{quote(ticket_id, safe='')}/revoke"
        await self._call("POST", path, slot=slot)

    def create_sso_ticket_sync(
        self, body: Mapping[str, Any], *, profile_id: str = "", custom_domain: str = ""
    ) -> SsoTicket:
        """
        Create an access ticket from synchronous code, such as a ``@task``; its log masks the ticket's id.

        Run the task in the pool ``auth0_management_api``: without a rate limiter of its own, the hook sends as many
        requests as one slot may. A retry of the task creates another ticket, unlike ``CreateSsoTicketsOperator``.
        ``profile_id`` and ``custom_domain`` default to the connection's. Errors are those of ``create_sso_ticket``.
        """
        profile_id = profile_id or self.settings.profile_id
        custom_domain = custom_domain or self.settings.custom_domain
        ticket = self._run_sync(lambda: self.create_sso_ticket(profile_id, body, custom_domain=custom_domain))
        mask_secret(ticket.ticket_id)
        return ticket

    def revoke_sso_ticket_sync(self, ticket_id: str, *, profile_id: str = "") -> None:
        """Revoke an access ticket from synchronous code; see ``create_sso_ticket_sync``."""
        profile_id = profile_id or self.settings.profile_id
        self._run_sync(lambda: self.revoke_sso_ticket(profile_id, ticket_id))

    def _run_sync(self, request: Callable[[], Awaitable[Result]]) -> Result:
        settings = self.settings  # read before the event loop runs
        if self.rate_limiter is None:
            self.rate_limiter = settings.rate_limiter(1, datetime.now(UTC), self.timeouts)

        async def run() -> Result:
            async with self.open():
                return await request()

        return asyncio.run(run())

    async def get_self_service_profile(self, profile_id: str) -> Mapping[str, Any]:
        """Return a self-service profile (scope ``read:self_service_profiles``); Auth0ProfileError if there is none."""
        return (await self._call("GET", f"{_PROFILES}/{require_profile_id(profile_id)}")).body

    async def read(self, path: str, query: Mapping[str, str | int], rate_limiter: RateLimiter) -> object:
        """
        Return the decoded JSON that a ``GET`` answers, or None if it has none; errors as for ``create_sso_ticket``.

        :param rate_limiter: delays the request and observes the answer, in place of the hook's own.
        """
        answer = await self._call("GET", path, query=query, rate_limiter=rate_limiter)
        return answer.decoded

    def test_connection(self) -> tuple[bool, str]:
        """Request a token and check its scopes and, if they allow it, the profile; for the connection form's *Test*."""
        within = self.timeouts.connection_test
        try:
            settings = self.settings
            return True, asyncio.run(asyncio.wait_for(self._probe(settings), within))
        except TimeoutError:
            return False, f"{self.settings.domain} has not answered all requests within {within:.0f} seconds."
        except Exception as error:
            return False, str(error)

    async def _probe(self, settings: Auth0Settings) -> str:
        async with self.open():
            token = await self.require_scopes([CREATE_SCOPE])
            results = [f"{settings.domain} gives a token that may create access tickets"]
            if token.scopes and REVOKE_SCOPE not in token.scopes:
                results.append(f"it can't revoke them (grant {REVOKE_SCOPE} for on_existing=reissue and for revoking)")
            if settings.profile_id and READ_PROFILE_SCOPE in token.scopes:
                profile = await self.get_self_service_profile(settings.profile_id)
                results.append(f"the profile is '{profile.get('name', settings.profile_id)}'")
            return "; ".join(results) + "."

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        slot: Slot | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        rate_limiter: RateLimiter | None = None,
    ) -> Answer:
        rate_limiter = rate_limiter or self.rate_limiter
        token = await self._tokens.get()
        for renewals_left in range(_MAX_RENEWALS, -1, -1):
            if slot is None and rate_limiter is not None:
                await rate_limiter.acquire()
            authorized = {**(headers or {}), "Authorization": f"Bearer {token.access_token}"}
            answer = await self._send(method, path, body, authorized, slot, query)
            if rate_limiter is not None:
                rate_limiter.observe(answer.status, answer.headers)
            if answer.status != 401 or not renewals_left or not self._tokens.can_renew(token):
                break
            token, slot = await self._tokens.get(rejected=token), None
        if 200 <= answer.status < 300:
            self._tokens.mark_accepted(token)
            return answer
        raise error_from_answer(answer.status, answer.body, answer.headers)

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: dict[str, str],
        slot: Slot | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Answer:
        if method not in self._sessions:
            raise RuntimeError("use the hook inside 'async with hook.open()'")
        current_slot.set(slot)
        try:
            request = self._sessions[method].run(path, dict(query) if query else None, body, headers)
            async with await request as response:
                if response.status == 407:  # from a proxy that forwards requests to a tenant without TLS
                    raise proxy_refusal(self.settings.domain, response.status, response.reason or "")
                return Answer(response.status, await read_json(response), response.headers)
        except _NEVER_SENT as error:
            raise not_connected(self.settings.domain, error) from None
        except ANSWER_LOST as error:
            raise Auth0AmbiguousResultError(
                f"No answer from {self.settings.domain}: {cause_of(error)}.",
                advice="The request may have been carried out.",
            ) from None

    async def _fetch_token(self) -> Token:
        requested_at = time.time()
        try:
            answer = await self._send("POST", "/oauth/token", token_request(self.settings), {})
        except Auth0AmbiguousResultError as error:  # a second token does no harm
            raise Auth0UnreachableError(
                f"Auth0 gives no access token: {error.message}",
                advice="See Auth0's status page; check the connection's host, and the proxy before Auth0.",
            ) from None
        signed = bool(self.settings.private_key.get_secret_value())
        token = read_token_answer(answer.status, answer.body, answer.headers, requested_at, signed=signed)
        mask_secret(token.access_token)
        return token
