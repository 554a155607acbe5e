"""The Management API's access token, which all tasks and runs share."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0TransientError, Auth0UnreachableError
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.models import Token
from auth0_sso.runtime.rate_limit_headers import retry_after
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, LEASES_WAITED, Timeouts


class TokenStore(Protocol):
    """Keeps tokens for all tasks and runs, and leases the right to renew one."""

    def read_token(self, key: str) -> Token | None:
        """Return the newest token that is kept under a key; None if there is none."""

    def acquire_lease(self, key: str, version: int, owner: str, seconds: float) -> bool:
        """Return whether ``owner`` may now renew that version of the token, and nobody else for this long."""

    def save_token(self, key: str, token: Token, owner: str) -> None:
        """Keep a new token and end the lease."""

    def release_lease(self, key: str, owner: str, cooldown: float = 0.0) -> None:
        """End the lease after ``cooldown`` seconds, without a new token."""


class SharedToken:
    """
    The token of this process, shared with all others through a token store, if there is one.

    :param fetch: requests a new token from the tenant, or raises an ``Auth0Error``.
    """

    def __init__(
        self,
        settings: Auth0Settings,
        fetch: Callable[[], Awaitable[Token]],
        token_store: TokenStore | None,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._token_store = token_store
        self._timeouts = timeouts
        self._clock = clock
        self._key = token_key(settings)
        self._token: Token | None = None
        self._renewing = asyncio.Lock()
        self._replacement = 0  # the version that replaced a refused token, until the tenant accepts it
        self._renewable_at = 0.0  # then it may be renewed although it was never accepted
        self._failure: Auth0Error | None = None
        self._failed_at = 0.0
        self._failures = 0

    async def get(self, *, rejected: Token | None = None) -> Token:
        """
        Return a valid token, newer than one that the tenant has ``rejected``.

        Concurrent callers share one request for it, and its error: Auth0RunError if the tenant refuses, or
        Auth0TransientError if it can't issue one now, or other tasks have not got one for too long.
        """
        called_at = self._clock()
        async with self._renewing:
            if ready_made := self._settings.token.get_secret_value():
                if rejected is not None:
                    raise Auth0RunError(
                        "Auth0 refuses the connection's ready-made token.",
                        advice="Renew the extra 'token', or use a client id and secret instead.",
                        status=401,
                    )
                return Token(ready_made, float("inf"), frozenset())
            if self._token is not None and _is_valid(self._token, rejected):
                return self._token
            if isinstance(self._failure, Auth0RunError) or (self._failure and self._failed_at > called_at):
                raise self._failure
            try:
                if self._token_store is None:
                    version = self._token.version + 1 if self._token else 1
                    self._token = replace(await self._fetch(), version=version)
                else:
                    self._token = await self._shared(self._token_store, rejected)
            except Auth0Error as error:
                self._failure, self._failed_at = error, self._clock()
                raise
            self._failure = None
            self._replacement = self._token.version if rejected is not None else 0
            self._renewable_at = self._clock() + self._timeouts.longest_cooldown
            return self._token

    def mark_accepted(self, token: Token) -> None:
        """Note that the tenant has accepted the token."""
        if token.version >= self._replacement:
            self._replacement = 0

    def can_renew(self, token: Token) -> bool:
        """Return whether to renew a refused token: not if it has just replaced another refused one."""
        return not 0 < self._replacement <= token.version or self._clock() >= self._renewable_at

    async def _shared(self, token_store: TokenStore, rejected: Token | None) -> Token:
        owner = uuid.uuid4().hex
        lease = self._timeouts.lease(self._settings.timeout)
        deadline = self._clock() + LEASES_WAITED * lease
        while True:
            kept = await asyncio.to_thread(token_store.read_token, self._key)
            if kept is not None and _is_valid(kept, rejected):
                return kept
            version = kept.version if kept else 0
            if await asyncio.to_thread(token_store.acquire_lease, self._key, version, owner, lease):
                return await self._renew(token_store, owner, version)
            if self._clock() > deadline:
                raise Auth0UnreachableError(
                    f"No access token: other tasks have requested one for {LEASES_WAITED * lease:.0f} seconds.",
                    advice="Their logs say why there is none.",
                )
            await asyncio.sleep(self._timeouts.token_poll_interval)

    async def _renew(self, token_store: TokenStore, owner: str, version: int) -> Token:
        try:
            token = replace(await self._fetch(), version=version + 1)
            await asyncio.to_thread(token_store.save_token, self._key, token, owner)
        except Auth0TransientError as error:
            self._failures += 1
            cooldown = self._timeouts.cooldown(self._failures, retry_after(error.headers))
            await asyncio.to_thread(token_store.release_lease, self._key, owner, cooldown)
            raise
        except BaseException:  # it may be a cancellation, after which nothing may be awaited
            token_store.release_lease(self._key, owner)
            raise
        self._failures = 0
        return token


def _is_valid(token: Token, rejected: Token | None) -> bool:
    return token.serves(time.time()) and (rejected is None or token.version > rejected.version)


def token_key(settings: Auth0Settings) -> str:
    """Return the name under which the token of these credentials is kept."""
    parts = [settings.base_url, settings.client_id, settings.audience, *settings.credentials]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
