"""The shared access token's place in the ledger's database."""

from __future__ import annotations

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.ledger.clock import LedgerClock
from auth0_sso.ledger.encryption import Cipher
from auth0_sso.ledger.schema import tokens
from auth0_sso.models import Token
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

k = tokens.c

_LONGEST_TIMEOUT = 300.0  # that a connection can have


class LedgerTokenStore:
    """
    Keep one token for all tasks and runs, and let one of them renew it at a time.

    :param engine: the ledger's database.
    :param cipher: encrypts the token.
    :param clock: the ledger's.
    :param timeouts: how long a task may renew the token at most.
    """

    def __init__(
        self, engine: Engine, cipher: Cipher, clock: LedgerClock, timeouts: Timeouts = DEFAULT_TIMEOUTS
    ) -> None:
        self._engine = engine
        self._cipher = cipher
        self._clock = clock
        self._longest_lease = timeouts.lease(_LONGEST_TIMEOUT)

    def read_token(self, key: str) -> Token | None:
        """Return the shared access token of these credentials; an expired one may come without its text."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tokens).where(k.key == key)).first()
        if row is None or not row.version:
            return None
        encrypted = row.token_encrypted
        text = self._cipher.decrypt_unless_expired(encrypted, row.expires_at) if encrypted else None
        return Token(text or "", row.expires_at, frozenset(row.scopes.split()), row.version)

    def acquire_lease(self, key: str, version: int, owner: str, seconds: float) -> bool:
        """Whether ``owner`` may renew the token of that version; the row is its own for ``seconds``."""
        with self._engine.connect() as connection:
            seen = connection.execute(select(k.version, k.owned_until).where(k.key == key)).first()
        now = self._clock.now()
        if seen is None:
            self._make_row(key)
        elif seen.version != version or now <= seen.owned_until <= now + self._longest_lease:
            return False  # by reading alone, since many that wait look again and again
        # A claim from further ahead than any reaches was made before the clock was set back.
        free = (k.owned_until < now) | (k.owned_until > now + self._longest_lease)
        mine = update(tokens).where((k.key == key) & (k.version == version) & free)
        with self._engine.begin() as connection:
            return connection.execute(mine.values(owner=owner, owned_until=now + seconds)).rowcount == 1

    def _make_row(self, key: str) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(tokens).values(key=key))
        except IntegrityError:
            pass  # another task has just made it

    def save_token(self, key: str, token: Token, owner: str) -> None:
        """Keep a renewed token, if the row is still the owner's, and free the row."""
        values = {
            "token_encrypted": self._cipher.encrypt(token.access_token),
            "expires_at": token.expires_at,
            "scopes": " ".join(sorted(token.scopes)),
            "version": token.version,
            "owned_until": 0.0,
        }
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where((k.key == key) & (k.owner == owner)).values(**values))

    def release_lease(self, key: str, owner: str, cooldown: float = 0.0) -> None:
        """Free the row in ``cooldown`` seconds without a new token."""
        until = self._clock.now() + cooldown if cooldown else 0.0
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where((k.key == key) & (k.owner == owner)).values(owned_until=until))
