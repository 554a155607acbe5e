"""Access tokens of the Management API: one for all tasks and runs, fetched when there is none that serves."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0TransientError, Auth0UnreachableError
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.models import Token
from auth0_sso.runtime.rate_limit_headers import retry_after
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, LEASES_WAITED, Timeouts


class TokenStore(Protocol):
    """Where the one token is kept for all tasks and runs, and who renews it is decided."""

    def read_token(self, key: str) -> Token | None:
        """Return the kept token, if there is one."""

    def acquire_lease(self, key: str, version: int, owner: str, seconds: float) -> bool:
        """Whether ``owner`` may renew the token of that version; for all others the row is locked meanwhile."""

    def save_token(self, key: str, token: Token, owner: str) -> None:
        """Keep a renewed token and free the row."""

    def release_lease(self, key: str, owner: str, cooldown: float = 0.0) -> None:
        """Free the row in ``cooldown`` seconds without a new token."""


class FetchToken(Protocol):
    """Ask the tenant for a new token."""

    async def __call__(self) -> Token:
        """Return it, or raise an ``Auth0Error``."""


class SharedToken:
    """
    The token that every request of this process uses, shared through a vault with all others.

    :param settings: the connection's settings.
    :param fetch: asks the tenant for a new token.
    :param token_store: where it is shared; without one each process has its own.
    :param timeouts: how long it is waited for.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        settings: Auth0Settings,
        fetch: FetchToken,
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
        self._unproven = 0  # the version that has replaced a refused one, until it serves
        self._unproven_until = 0.0  # then it may be renewed again
        self._failure: Auth0Error | None = None
        self._failed_at = 0.0
        self._failures = 0

    async def get(self, *, rejected: Token | None = None) -> Token:
        """
        Return a token that serves, within ``longest_renewal``.

        However many wait for it, it is asked for once, and when that fails they all are told.

        :param rejected: one that the tenant has just refused, so that another must be had.
        :raises Auth0RunError: if the tenant refuses to give one.
        :raises Auth0TransientError: if the tenant can't be asked, or other tasks haven't had one for too long.
        """
        waits_since = self._clock()
        async with self._renewing:
            if self._settings.token.get_secret_value():
                return self._ready_made(rejected)
            if self._token is not None and self._is_good(self._token, rejected):
                return self._token
            if isinstance(self._failure, Auth0RunError) or (self._failure and self._failed_at > waits_since):
                raise self._failure
            try:
                self._token = await self._another(rejected)
            except Auth0Error as error:
                self._failure, self._failed_at = error, self._clock()
                raise
            self._failure = None
            self._unproven = self._token.version if rejected is not None else 0
            self._unproven_until = self._clock() + self._timeouts.longest_cooldown
            return self._token

    def mark_accepted(self, token: Token) -> None:
        """Note that the tenant has accepted the token."""
        if token.version >= self._unproven:
            self._unproven = 0

    def can_renew(self, token: Token) -> bool:
        """Whether to renew the token, which was refused: not if it was renewed for this very reason a moment ago."""
        return not 0 < self._unproven <= token.version or self._clock() >= self._unproven_until

    async def _another(self, rejected: Token | None) -> Token:
        if self._token_store is not None:
            return await self._renew_through(self._token_store, rejected)
        return replace(await self._fetch(), version=self._token.version + 1 if self._token else 1)

    def _ready_made(self, rejected: Token | None) -> Token:
        if rejected is not None:
            raise Auth0RunError(
                "Auth0 refuses the connection's ready-made token.",
                advice="Renew the extra 'token', or use a client id and secret instead.",
                status=401,
            )
        return Token(self._settings.token.get_secret_value(), float("inf"), frozenset())

    @staticmethod
    def _is_good(token: Token, rejected: Token | None) -> bool:
        return token.serves(time.time()) and (rejected is None or token.version > rejected.version)

    async def _renew_through(self, token_store: TokenStore, rejected: Token | None) -> Token:
        owner = uuid.uuid4().hex
        lease = self._timeouts.lease(self._settings.timeout)
        give_up_at = self._clock() + LEASES_WAITED * lease
        while True:
            kept = await asyncio.to_thread(token_store.read_token, self._key)
            if kept is not None and self._is_good(kept, rejected):
                return kept
            version = kept.version if kept else 0
            if await asyncio.to_thread(token_store.acquire_lease, self._key, version, owner, lease):
                return await self._renew(token_store, owner, version)
            if self._clock() > give_up_at:
                raise Auth0UnreachableError(
                    f"No access token: other tasks have asked for one for {LEASES_WAITED * lease:.0f} seconds.",
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
        except BaseException:  # cancelled, perhaps: then nothing may be awaited any more
            token_store.release_lease(self._key, owner)
            raise
        self._failures = 0
        return token


def token_key(settings: Auth0Settings) -> str:
    """Name the token of these credentials; other credentials, another token."""
    parts = [settings.base_url, settings.client_id, settings.audience, *settings.credentials]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
