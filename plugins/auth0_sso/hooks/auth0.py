"""The hook that speaks to Auth0's Management API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import aiohttp
from airflow.providers.http.hooks.http import AsyncHttpSession, HttpAsyncHook, SessionConfig
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0ConnectionError,
    Auth0RunError,
    Auth0UnreachableError,
    error_from_answer,
    proxy_refusal,
)
from auth0_sso.hooks.access_token import SharedToken, TokenStore
from auth0_sso.hooks.connection import Auth0Settings, read_settings
from auth0_sso.hooks.identifiers import require_host, require_profile_id
from auth0_sso.hooks.token_endpoint import read_token_answer, token_request
from auth0_sso.hooks.transport import (
    BROKEN_OFF,
    AnyAnswer,
    NotConnectedError,
    PunctualConnector,
    body_of,
    cause_of,
    leaving_by,
    not_connected,
    without_urls,
)
from auth0_sso.models import SsoTicket, Token
from auth0_sso.runtime.rate_limiter import RateLimiter, Slot
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

CREATE_SCOPE = "create:sso_access_tickets"
REVOKE_SCOPE = "delete:sso_access_tickets"
READ_PROFILE_SCOPE = "read:self_service_profiles"

_PROFILES = "/api/v2/self-service-profiles"
_NEVER_SENT = (NotConnectedError, aiohttp.InvalidURL, aiohttp.ConnectionTimeoutError)
# A token may be revoked again before the request that has waited for it has left.
_MOST_RENEWALS = 2
_CHECK_THE_WAY = "See Auth0's status page; check the connection's host, and the proxy between the worker and Auth0."


@dataclass(frozen=True)
class _Answer:
    status: int
    body: object = field(repr=False)
    headers: Mapping[str, str]


class Auth0Hook(HttpAsyncHook):
    """
    Create and revoke self-service SSO access tickets.

    The connection's secrets go into the token request only, its extras into no header. Use it as::

        hook = Auth0Hook()
        hook.settings  # reads the connection; before an event loop runs
        async with hook.open() as auth0:
            ticket = await auth0.create_sso_ticket("ssp_...", {"connection_config": {"name": "acme"}})

    A refused token (401) is renewed, unless it was new for this very reason. Nothing else is asked again:
    whether a POST may be repeated is for the caller to say. See https://auth0.com/docs/api/management/v2/self-service-profiles.

    :param auth0_conn_id: the Airflow connection, of type ``auth0``.
    :param token_store: where the token is shared with other processes; none: this hook fetches its own.
    :param rate_limiter: says when a Management API request may leave, and is told of every answer.
    :param timeouts: how long is waited, beside the connection's ``timeout``; by what uses the hook, too.
    """

    conn_name_attr = "auth0_conn_id"
    default_conn_name = "auth0_default"
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
        self._post: AsyncHttpSession | None = None
        self._get: AsyncHttpSession | None = None

    @cached_property
    def settings(self) -> Auth0Settings:
        """
        The connection's settings; read them once before an event loop runs, since that asks Airflow.

        :raises Auth0ConnectionError: if the connection can't be right.
        """
        try:
            connection = self.get_connection(self.auth0_conn_id)
        except AirflowNotFoundException:
            raise Auth0ConnectionError(
                f"There is no connection '{self.auth0_conn_id}'.",
                advice="Make one of type Auth0 under Admin > Connections, or set the environment variable "
                f"AIRFLOW_CONN_{self.auth0_conn_id.upper()}.",
            ) from None
        settings = read_settings(connection)
        if settings.secrets:
            mask_secret([*settings.secrets])
        return settings

    @cached_property
    def _tokens(self) -> SharedToken:
        return SharedToken(self.settings, self._fetch_token, self._token_store, timeouts=self.timeouts)

    async def config(self) -> SessionConfig:
        """Build the session's configuration from the checked settings: no extra becomes a header."""
        return SessionConfig(
            base_url=self.settings.base_url,
            headers={"Accept": "application/json"},
            extra_options={
                "timeout": aiohttp.ClientTimeout(total=self.settings.timeout, connect=self.timeouts.connect),
                "allow_redirects": False,
            },
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Auth0Hook, None]:
        """Keep connections to the tenant open for as long as the block runs."""
        config = await self.config()
        proxy = self.settings.proxy.get_secret_value() or None
        async with aiohttp.ClientSession(
            response_class=AnyAnswer, connector=PunctualConnector(), proxy=proxy
        ) as client:
            self._post = AsyncHttpSession(self, without_urls(client.post), config, method="POST")
            self._get = AsyncHttpSession(self, without_urls(client.get), config, method="GET")
            try:
                yield self
            finally:
                self._post = self._get = None

    def require_rate_limiter(self) -> RateLimiter:
        """Return the pacer; for callers that must not send without one."""
        if self.rate_limiter is None:
            raise ValueError("this hook has no pacer")
        return self.rate_limiter

    async def token(self) -> Token:
        """
        Return a token that serves, renewed if need be.

        :raises Auth0RunError: if the tenant refuses to give one.
        :raises Auth0TransientError: if the tenant can't be asked.
        """
        return await self._tokens.get()

    async def require_scopes(self, scopes: Collection[str]) -> Token:
        """
        Check before the first request that the token may do what is asked: a grant that lacks a scope still yields one.

        :raises Auth0RunError: naming what is missing and where to grant it.
        """
        token = await self.token()
        if not token.scopes:  # a ready-made token, or a tenant that doesn't say
            return token
        if set(scopes) - token.scopes:  # it may have been granted since this token was made
            token = await self._tokens.get(rejected=token)
        if missing := sorted(set(scopes) - token.scopes):
            raise Auth0RunError(
                f"The application of connection '{self.auth0_conn_id}' lacks the scope {' and '.join(missing)}.",
                advice="Grant it in the Auth0 dashboard: Applications > APIs > Auth0 Management API > "
                "Machine to Machine Applications.",
                status=403,
                error_code="insufficient_scope",
            )
        return token

    async def create_sso_ticket(
        self,
        profile_id: str,
        body: Mapping[str, Any],
        *,
        custom_domain: str = "",
        slot: Slot | None = None,
    ) -> SsoTicket:
        """
        Create an access ticket: ``POST /api/v2/self-service-profiles/{id}/sso-ticket``.

        :param profile_id: the self-service profile, ``ssp_…``.
        :param body: the request body, with the API's own field names.
        :param custom_domain: goes into the ``auth0-custom-domain`` header; empty: none.
        :param slot: the turn of the pacer that was taken for it.
        :return: the ticket.
        :raises Auth0RowError: if the request is refused (400, 404, 409).
        :raises Auth0RunError: if no request can succeed (401, 403, unknown profile).
        :raises Auth0TransientError: on 429, 5xx and network trouble; ``ambiguous`` says if a ticket may exist.
        """
        headers = {"auth0-custom-domain": require_host(custom_domain)} if custom_domain else {}
        path = f"{_PROFILES}/{require_profile_id(profile_id)}/sso-ticket"
        answer = await self._call(self._session("POST"), path, dict(body), headers, slot)
        fields = answer.body if isinstance(answer.body, Mapping) else {}
        ticket = SsoTicket(str(fields.get("ticket") or ""))
        if not ticket.ticket_id:
            raise Auth0AmbiguousResultError(
                f"Auth0 answered {answer.status} without a ticket.",
                status=answer.status,
                headers=answer.headers,
            )
        return ticket

    async def revoke_sso_ticket(self, profile_id: str, ticket_id: str, *, slot: Slot | None = None) -> None:
        """
        Revoke an access ticket; the tenant accepts it for unknown and dead tickets too.

        :param profile_id: the self-service profile it was made with.
        :param ticket_id: the ticket's id.
        :param slot: the turn of the pacer that was taken for it.
        :raises Auth0Error: as for ``create_sso_ticket``.
        """
        path = f"{_PROFILES}/{require_profile_id(profile_id)}/sso-ticket/{quote(ticket_id, safe='')}/revoke"
        await self._call(self._session("POST"), path, slot=slot)

    async def get_self_service_profile(self, profile_id: str) -> Mapping[str, Any]:
        """
        Read a self-service profile; needs the scope ``read:self_service_profiles``.

        :return: the profile, with the API's field names.
        :raises Auth0ProfileError: if there is none of that id.
        """
        answer = await self._call(self._session("GET"), f"{_PROFILES}/{require_profile_id(profile_id)}")
        return answer.body if isinstance(answer.body, Mapping) else {}

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a token and check its scopes and, if both can be, the profile; within ``connection_test`` seconds."""
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
            said = [f"{settings.domain} gives a token that may create access tickets"]
            if token.scopes and REVOKE_SCOPE not in token.scopes:
                said.append(f"it can't revoke them (grant {REVOKE_SCOPE} for on_existing=reissue and for revoking)")
            if settings.profile_id and READ_PROFILE_SCOPE in token.scopes:
                profile = await self.get_self_service_profile(settings.profile_id)
                said.append(f"the profile is '{profile.get('name', settings.profile_id)}'")
            return "; ".join(said) + "."

    def _session(self, method: str) -> AsyncHttpSession:
        session = self._post if method == "POST" else self._get
        if session is None:
            raise RuntimeError("use the hook inside 'async with hook.open()'")
        return session

    async def _call(
        self,
        session: AsyncHttpSession,
        path: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        slot: Slot | None = None,
    ) -> _Answer:
        token = await self._tokens.get()
        for renewals_left in range(_MOST_RENEWALS, -1, -1):
            if slot is None and self.rate_limiter is not None:
                await self.rate_limiter.acquire()
            with leaving_by(slot):
                answer = await self._send(session, path, body, {**(headers or {}), **_bearer(token)})
            if self.rate_limiter is not None:
                self.rate_limiter.observe(answer.status, answer.headers)
            if answer.status != 401 or not renewals_left or not self._tokens.can_renew(token):
                break
            token, slot = await self._tokens.get(rejected=token), None
        if 200 <= answer.status < 300:
            self._tokens.mark_accepted(token)
            return answer
        raise error_from_answer(answer.status, answer.body, answer.headers)

    async def _send(
        self, session: AsyncHttpSession, path: str, body: dict[str, Any] | None, headers: Mapping[str, str]
    ) -> _Answer:
        try:
            response = await session.run(path, json=body, headers=dict(headers))
            async with response:
                if response.status == 407:  # the proxy's, of a request that it forwards by itself
                    raise proxy_refusal(self.settings.domain, response.status, response.reason or "")
                return _Answer(response.status, await body_of(response), response.headers)
        except _NEVER_SENT as error:
            raise not_connected(self.settings.domain, error) from None
        except BROKEN_OFF as error:
            raise Auth0AmbiguousResultError(
                f"No answer from {self.settings.domain}: {cause_of(error)}.",
                advice="The request may have been carried out.",
            ) from None

    async def _fetch_token(self) -> Token:
        requested_at = time.time()
        try:
            answer = await self._send(self._session("POST"), "/oauth/token", token_request(self.settings), {})
        except Auth0AmbiguousResultError as error:  # asking again for a token does no harm
            said = str(error).removesuffix(error.advice).strip()
            raise Auth0UnreachableError(f"Auth0 gives no access token: {said}", advice=_CHECK_THE_WAY) from None
        token = read_token_answer(answer.status, answer.body, answer.headers, requested_at)
        mask_secret(token.access_token)
        return token


def _bearer(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}
