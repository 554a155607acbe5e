"""How the tests of the hook call it, and a private key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.models import SsoTicket
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.certificates import Authority
from tests.support.mail_server import MailServer
from tests.unit.auth0_sso.hooks.mailing import connect_to

BODY = {"connection_config": {"name": "acme"}}
TICKET_ID = "abcDEF0123456789abcDEF0123456789"

Result = TypeVar("Result")


def using(hook: Auth0Hook, call: Callable[[Auth0Hook], Awaitable[Result]]) -> Result:
    """Return what ``call`` returns of the open hook."""

    async def run() -> Result:
        async with hook.open():
            return await call(hook)

    _ = hook.settings
    return asyncio.run(run())


def create(hook: Auth0Hook, profile_id: str | None = None, **options: Any) -> SsoTicket:
    """Create a ticket, by default with the connection's profile."""
    chosen = hook.settings.profile_id if profile_id is None else profile_id
    return using(hook, lambda opened: opened.create_sso_ticket(chosen, BODY, **options))


def revoke(hook: Auth0Hook) -> None:
    using(hook, lambda opened: opened.revoke_sso_ticket(hook.settings.profile_id, TICKET_ID))


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def pem(private_key: rsa.RSAPrivateKey) -> str:
    """Return the PEM of ``private_key``."""
    return pem_of(private_key)


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Run a mail server, without TLS, that ``smtp_default`` leads to."""
    with MailServer() as running:
        connect_to(monkeypatch, running)
        yield running


@pytest.fixture
def mail_certificate(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the certificate of a mail server on this machine that the session trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority.certificate_of("localhost")
