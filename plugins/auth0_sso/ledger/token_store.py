"""The shared access token's place in the ledger's database."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.ledger.database import LedgerDatabase
from auth0_sso.ledger.schema import tokens
from auth0_sso.models import Token
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS

k = tokens.c

_MAX_LEASE = DEFAULT_TIMEOUTS.lease(300.0)  # with the longest timeout that a connection can have


class LedgerTokenStore:
    """Keep one token for all tasks and runs, and let one of them renew it at a time."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._engine = database.engine
        self._cipher = database.cipher
        self._clock = database.clock

    def read_token(self, key: str) -> Token | None:
        """Return the shared access token of these credentials; an expired one may come without its text."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tokens).where(k.key == key)).first()
        if row is None or not row.version:
            return None
        encrypted, now = row.token_encrypted, self._clock.now()
        text = self._cipher.decrypt_unless_expired(encrypted, row.expires_at, now) if encrypted else None
        return Token(text or "", row.expires_at, frozenset(row.scopes.split()), row.version)

    def acquire_lease(self, key: str, version: int, owner: str, seconds: float) -> bool:
        """Whether ``owner`` may renew the token of that version; nobody else may for ``seconds``."""
        with self._engine.connect() as connection:
            seen = connection.execute(select(k.version, k.owned_until).where(k.key == key)).first()
        now = self._clock.now()
        if seen is None:
            with suppress(IntegrityError), self._engine.begin() as connection:  # another task has just inserted it
                connection.execute(insert(tokens).values(key=key))
        elif seen.version != version or now <= seen.owned_until <= now + _MAX_LEASE:
            return False  # by reading alone, since waiting tasks look again and again
        # A lease that ends later than any can was acquired before the clock was set back.
        free = (k.owned_until < now) | (k.owned_until > now + _MAX_LEASE)
        mine = update(tokens).where((k.key == key) & (k.version == version) & free)
        with self._engine.begin() as connection:
            return connection.execute(mine.values(owner=owner, owned_until=now + seconds)).rowcount == 1

    def save_token(self, key: str, token: Token, owner: str) -> None:
        """Keep a renewed token and release the lease, if it is still the owner's."""
        self._update(
            key,
            owner,
            token_encrypted=self._cipher.encrypt(token.access_token),
            expires_at=token.expires_at,
            scopes=" ".join(sorted(token.scopes)),
            version=token.version,
            owned_until=0.0,
        )

    def release_lease(self, key: str, owner: str, cooldown: float = 0.0) -> None:
        """Release the lease in ``cooldown`` seconds without a new token."""
        self._update(key, owner, owned_until=self._clock.now() + cooldown if cooldown else 0.0)

    def _update(self, key: str, owner: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where((k.key == key) & (k.owner == owner)).values(**values))
