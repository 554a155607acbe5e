"""The shared access token's place in the ledger's database."""

from __future__ import annotations

import time

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from auth0_sso.cipher import Cipher
from auth0_sso.schema import tokens
from auth0_sso.tokens import Token

k = tokens.c


class LedgerVault:
    """
    Keep one token for all tasks and runs, and let one of them renew it at a time.

    :param engine: the ledger's database.
    :param cipher: encrypts the token.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self._engine = engine
        self._cipher = cipher

    def read_token(self, key: str) -> Token | None:
        """Return the shared access token of these credentials; an expired one may come without its text."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tokens).where(k.key == key)).first()
        if row is None or not row.version:
            return None
        locked = row.token_encrypted
        text = self._cipher.unlock_unless_dead(locked, row.expires_at) if locked else None
        return Token(text or "", row.expires_at, frozenset(row.scopes.split()), row.version)

    def claim_renewal(self, key: str, version: int, owner: str, seconds: float) -> bool:
        """Whether ``owner`` may renew the token of that version; the row is its own for ``seconds``."""
        now = time.time()
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(tokens).values(key=key))
        except IntegrityError:
            pass  # the row is there
        free = (k.key == key) & (k.version == version) & (k.owned_until < now)
        with self._engine.begin() as connection:
            mine = connection.execute(update(tokens).where(free).values(owner=owner, owned_until=now + seconds))
        return mine.rowcount == 1

    def save_token(self, key: str, token: Token, owner: str) -> None:
        """Keep a renewed token, if the row is still the owner's, and free the row."""
        values = {
            "token_encrypted": self._cipher.lock(token.access_token),
            "expires_at": token.expires_at,
            "scopes": " ".join(sorted(token.scopes)),
            "version": token.version,
            "owned_until": 0.0,
        }
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where((k.key == key) & (k.owner == owner)).values(**values))

    def release_renewal(self, key: str, owner: str) -> None:
        """Free the row without a new token."""
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where((k.key == key) & (k.owner == owner)).values(owned_until=0.0))
