"""The hook against the sandbox tenant: what it makes, what goes wrong, and whose fault it is."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from airflow.sdk.log import redact
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0ConflictError,
    Auth0ConnectionError,
    Auth0ProfileError,
    Auth0RateLimitError,
    Auth0RowError,
    Auth0RunError,
    Auth0TokenError,
    Auth0TokenRateLimitError,
    Auth0TransientError,
    Auth0UnreachableError,
)
from auth0_sso.hooks.auth0 import CREATE_SCOPE, READ_PROFILE_SCOPE, REVOKE_SCOPE, Auth0Hook
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import Timeouts
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from dev.sandbox.server import Sandbox

Connect = Callable[..., dict[str, Any]]
RunTenant = Callable[..., Sandbox]
T = TypeVar("T")

BODY = {"connection_config": {"name": "acme"}}


def using(hook: Auth0Hook, ask: Callable[[Auth0Hook], Awaitable[T]]) -> T:
    async def run() -> T:
        async with hook.open() as opened:
            return await ask(opened)

    return asyncio.run(run())


def create(hook: Auth0Hook, **options: Any) -> SsoTicket:
    profile_id = options.pop("profile_id", hook.settings.profile_id)
    return using(hook, lambda opened: opened.create_sso_ticket(profile_id, BODY, **options))


def revoke(hook: Auth0Hook) -> None:
    using(hook, lambda opened: opened.revoke_sso_ticket(hook.settings.profile_id, "ticket0id"))


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def _no_secret_in_the_log(
    tenant: Sandbox, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Whatever a test of this module does, neither a ticket's id nor a secret may stand in the log after it."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join([*(record.getMessage() for record in caplog.get_records("call")), *capsys.readouterr()])
    hidden = ["Bearer ", tenant.client_secret, *(ticket.id for ticket in tenant.tickets)]
    assert not [word for word in hidden if word in logged]


class TestRequests:
    def test_a_ticket_is_made_as_asked(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        ticket = create(hook)
        (made,) = tenant.tickets
        assert ticket.ticket_id == made.id
        assert ticket.url == f"{tenant.url}/self-service/connections-flow?ticket={made.id}"
        assert made.body == BODY
        assert made.profile_id == tenant.profile_id

    def test_a_ticket_is_not_shown(self, hook: Auth0Hook, auth0_connection: dict[str, Any]) -> None:
        ticket = create(hook)
        assert ticket.ticket_id not in f"{ticket!r} {ticket} {[ticket]}"

    def test_a_custom_domain_arrives_and_names_the_url(self, hook: Auth0Hook) -> None:
        ticket = create(hook, custom_domain="login.example.com")
        assert ticket.url.startswith("https://login.example.com/")

    def test_a_ticket_is_revoked(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        async def make_and_revoke(opened: Auth0Hook) -> None:
            ticket = await opened.create_sso_ticket(tenant.profile_id, BODY)
            await opened.revoke_sso_ticket(tenant.profile_id, ticket.ticket_id)

        using(hook, make_and_revoke)
        assert [ticket.state for ticket in tenant.tickets] == ["revoked"]

    def test_revoking_an_unknown_ticket_is_accepted(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        using(hook, lambda opened: opened.revoke_sso_ticket(tenant.profile_id, "x" * 32))
        assert tenant.stats().by_status == {202: 1}

    def test_a_profile_is_read(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        profile = using(hook, lambda opened: opened.get_self_service_profile(tenant.profile_id))
        assert profile["id"] == tenant.profile_id
        assert profile["name"] == "Sandbox profile"

    @pytest.mark.parametrize("odd", ["..", "ssp_1/..", "ssp?x=1&y#z", "ssp_1\n", "ssp_\ud800", "s" * 256, ""])
    def test_an_id_that_could_change_the_path_is_not_sent(self, tenant: Sandbox, hook: Auth0Hook, odd: str) -> None:
        with pytest.raises(Auth0ProfileError, match="Set profile_id"):
            create(hook, profile_id=odd)
        assert tenant.requests == []

    @pytest.mark.parametrize("odd", ["a.example\r\nx: y", "a.example/x", "localhost", "a." * 126 + "example"])
    def test_a_custom_domain_that_could_be_no_host_is_not_sent(
        self, tenant: Sandbox, hook: Auth0Hook, odd: str
    ) -> None:
        with pytest.raises(Auth0RowError, match="must be a host"):
            create(hook, custom_domain=odd)
        assert tenant.requests == []

    def test_one_token_serves_many_requests(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        async def many(opened: Auth0Hook) -> None:
            await asyncio.gather(*(opened.create_sso_ticket(tenant.profile_id, BODY) for _ in range(50)))

        using(hook, many)
        assert tenant.stats().tickets == 50
        assert tenant.stats().token_requests == 1

    def test_a_hook_that_is_not_open_says_so(self, hook: Auth0Hook) -> None:
        with pytest.raises(RuntimeError, match=r"async with hook\.open"):
            asyncio.run(hook.create_sso_ticket("ssp_1", BODY))

    def test_a_hook_without_a_pacer_says_so(self, hook: Auth0Hook) -> None:
        with pytest.raises(ValueError, match="no pacer"):
            hook.require_rate_limiter()


class TestPace:
    def test_every_request_leaves_through_the_pacer(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        hook.rate_limiter = RateLimiter(1000)

        async def all_kinds(opened: Auth0Hook) -> None:
            ticket = await opened.create_sso_ticket(tenant.profile_id, BODY)
            await opened.revoke_sso_ticket(tenant.profile_id, ticket.ticket_id)
            await opened.get_self_service_profile(tenant.profile_id)

        using(hook, all_kinds)
        assert hook.rate_limiter.requests == tenant.stats().requests == 3

    def test_a_request_leaves_in_the_turn_it_was_given(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        rate_limiter = hook.rate_limiter = RateLimiter(1000)

        async def in_turn(opened: Auth0Hook) -> None:
            async with rate_limiter.slot() as slot:
                await opened.create_sso_ticket(tenant.profile_id, BODY, slot=slot)
                async with rate_limiter.slot():  # would wait for ever if the first had not left
                    pass

        using(hook, lambda opened: asyncio.wait_for(in_turn(opened), 10))
        assert rate_limiter.requests == 1

    def test_the_pacer_is_told_of_a_429(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        hook.rate_limiter = RateLimiter(1000)
        tenant.fault("rate_limit_storm", count=1)
        with pytest.raises(Auth0RateLimitError) as caught:
            create(hook)
        assert not caught.value.ambiguous
        assert hook.rate_limiter.rate_limited == 1
        assert tenant.stats().tickets == 0

    def test_a_request_that_is_sent_again_with_a_new_token_leaves_through_the_pacer_too(
        self, tenant: Sandbox, hook: Auth0Hook
    ) -> None:
        hook.rate_limiter = RateLimiter(1000)

        async def with_old_token(opened: Auth0Hook) -> None:
            await opened.token()
            tenant.fault("expire_tokens")
            await opened.create_sso_ticket(tenant.profile_id, BODY)

        using(hook, with_old_token)
        assert hook.rate_limiter.requests == tenant.stats().requests == 2


class TestToken:
    def test_a_refused_token_is_renewed_once(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        async def with_old_token(opened: Auth0Hook) -> None:
            await opened.token()
            tenant.fault("expire_tokens")
            await asyncio.gather(*(opened.create_sso_ticket(tenant.profile_id, BODY) for _ in range(20)))

        using(hook, with_old_token)
        assert tenant.stats().tickets == 20
        assert tenant.stats().tokens_issued == 2

    def test_a_ready_made_token_is_sent_and_none_is_fetched(
        self, tenant: Sandbox, hook: Auth0Hook, connect: Connect
    ) -> None:
        ready = using(hook, lambda opened: opened.token()).access_token
        tenant.reset()
        connect(tenant, password=None, login=None, extra={"token": ready})
        create(Auth0Hook())
        assert tenant.stats().tickets == 1
        assert tenant.stats().token_requests == 0

    def test_a_ready_made_token_that_is_refused_is_named(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, extra={"token": "ready-made-t0ken"})
        with pytest.raises(Auth0RunError, match="ready-made token") as caught:
            create(Auth0Hook())
        assert "ready-made-t0ken" not in str(caught.value)

    def test_a_private_key_proves_who_asks_each_time_anew(
        self, run_tenant: RunTenant, connect: Connect, private_key: rsa.RSAPrivateKey
    ) -> None:
        public = private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        own = run_tenant(client_secret="", public_keys=(public.decode(),))
        one_line = _pem(private_key).replace("\n", "\\n")
        connect(own, password=None, extra={"private_key": one_line})

        async def twice(opened: Auth0Hook) -> None:
            await opened.create_sso_ticket(own.profile_id, BODY)
            own.fault("expire_tokens")
            await opened.create_sso_ticket(own.profile_id, BODY)

        using(Auth0Hook(), twice)
        assert own.stats().tickets == 2
        assert own.stats().tokens_issued == 2

    def test_another_private_key_is_refused(
        self, run_tenant: RunTenant, connect: Connect, private_key: rsa.RSAPrivateKey
    ) -> None:
        own = run_tenant(client_secret="")
        connect(own, password=None, extra={"private_key": _pem(private_key)})
        with pytest.raises(Auth0RunError, match="invalid_client"):
            create(Auth0Hook())

    def test_a_wrong_secret_is_the_runs_error(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, password="wr0ng-secret")
        with pytest.raises(Auth0RunError, match="401 access_denied: Unauthorized") as caught:
            create(Auth0Hook())
        assert "client secret" in caught.value.advice
        assert "wr0ng-secret" not in str(caught.value)
        assert tenant.stats().requests == 0

    def test_a_throttled_token_endpoint_is_waited_for(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        tenant.fault("token_throttle", count=1)
        with pytest.raises(Auth0TokenRateLimitError):
            create(hook)
        create(hook)
        assert tenant.stats().tickets == 1

    @pytest.mark.parametrize("missing", [[CREATE_SCOPE], [CREATE_SCOPE, REVOKE_SCOPE]], ids=["one", "two"])
    def test_missing_scopes_are_named_before_anything_is_sent(
        self, run_tenant: RunTenant, connect: Connect, missing: list[str]
    ) -> None:
        own = run_tenant(scopes=(READ_PROFILE_SCOPE,))
        connect(own)
        with pytest.raises(Auth0RunError) as caught:
            using(Auth0Hook(), lambda opened: opened.require_scopes(missing))
        assert " and ".join(missing) in str(caught.value)
        assert "Machine to Machine Applications" in caught.value.advice
        assert own.stats().requests == 0

    def test_scopes_that_are_there_are_enough(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        token = using(hook, lambda opened: opened.require_scopes([CREATE_SCOPE, REVOKE_SCOPE]))
        assert {CREATE_SCOPE, REVOKE_SCOPE} <= token.scopes
        assert tenant.stats().tokens_issued == 1

    def test_the_scopes_of_a_ready_made_token_are_not_known_and_not_asked_for(
        self, tenant: Sandbox, connect: Connect
    ) -> None:
        connect(tenant, extra={"token": "ready"})
        token = using(Auth0Hook(), lambda opened: opened.require_scopes([CREATE_SCOPE]))
        assert not token.scopes


class TestRefusals:
    def test_a_finished_connection_is_a_conflict(self, run_tenant: RunTenant, connect: Connect) -> None:
        own = run_tenant(connections={"con_0000000000000001": "acme"})
        connect(own)
        with pytest.raises(Auth0ConflictError):
            create(Auth0Hook())

    def test_a_bad_body_is_the_rows_error(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        with pytest.raises(Auth0RowError, match="Payload validation error"):
            using(hook, lambda opened: opened.create_sso_ticket(tenant.profile_id, {"nonsense": 1}))

    def test_an_unknown_profile_is_named(self, hook: Auth0Hook) -> None:
        with pytest.raises(Auth0ProfileError, match="ssp_unknown"):
            create(hook, profile_id="ssp_unknown")

    def test_a_missing_scope_is_the_runs_error(self, run_tenant: RunTenant, connect: Connect) -> None:
        own = run_tenant(scopes=(READ_PROFILE_SCOPE,))
        connect(own)
        with pytest.raises(Auth0RunError, match="insufficient_scope"):
            create(Auth0Hook())


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("kind", "details", "tickets"),
        [
            ("error_before", {"status": 503}, 0),
            ("error_after", {"status": 500}, 1),
            ("error_after", {"status": 502, "body": "html"}, 1),
            ("error_after", {"status": 504, "body": "empty"}, 1),
            ("drop_before", {}, 0),
            ("drop_after", {}, 1),
        ],
    )
    def test_a_post_without_a_valid_answer_may_have_made_a_ticket(
        self, tenant: Sandbox, hook: Auth0Hook, kind: str, details: dict[str, Any], tickets: int
    ) -> None:
        tenant.fault(kind, **details)  # type: ignore[arg-type]
        with pytest.raises(Auth0AmbiguousResultError) as caught:
            create(hook)
        assert caught.value.ambiguous
        assert tenant.stats().tickets == tickets
        assert tenant.stats().requests == 1  # and it isn't asked again behind the caller's back

    def test_an_answer_that_does_not_come_in_time_is_given_up(self, run_tenant: RunTenant, connect: Connect) -> None:
        own = run_tenant()
        connect(own, extra={"timeout": 0.5})
        own.fault("stall", delay=20.0, route="create")
        with pytest.raises(Auth0AmbiguousResultError, match="No answer from") as caught:
            create(Auth0Hook())
        assert "may have been carried out" in caught.value.advice
        assert own.stats().tickets == 1

    def test_a_refused_connection_has_sent_nothing(self, tenant: Sandbox, connect: Connect) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            connect(tenant, host=f"http://127.0.0.1:{port}")
            with pytest.raises(Auth0UnreachableError, match=f"No connection to 127.0.0.1:{port}") as caught:
                create(Auth0Hook())
        assert not caught.value.ambiguous
        assert "firewall" in caught.value.advice

    def test_an_unknown_host_has_been_sent_nothing(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, host="nobody.invalid")
        with pytest.raises(Auth0UnreachableError, match=r"No connection to nobody\.invalid"):
            create(Auth0Hook())

    def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(
        self, run_tenant: RunTenant, connect: Connect, private_key: rsa.RSAPrivateKey, tmp_path: Path
    ) -> None:
        own = run_tenant(certificate=_self_signed(private_key, tmp_path / "tenant.pem"))
        connect(own, host=own.url)
        with pytest.raises(Auth0UnreachableError, match="certificate"):
            create(Auth0Hook())
        assert own.stats().token_requests == 0

    def test_a_token_that_did_not_come_is_no_unanswered_request(self, run_tenant: RunTenant, connect: Connect) -> None:
        own = run_tenant(latency=(0.8, 0.8))
        connect(own, extra={"timeout": 0.2})
        with pytest.raises(Auth0UnreachableError) as caught:
            create(Auth0Hook())
        assert not caught.value.ambiguous
        assert own.stats().requests == 0

    @pytest.mark.parametrize("act", [create, revoke])
    def test_a_connection_that_takes_too_long_is_told_without_the_path(
        self,
        auth0_connection: dict[str, Any],
        connect: Connect,
        tenant: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
        act: Callable[[Auth0Hook], None],
    ) -> None:
        async def time_out(_session: object, url: str, **_options: Any) -> None:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")

        connect(tenant, extra={"token": "ready"})
        hook = Auth0Hook()
        monkeypatch.setattr(aiohttp.ClientSession, "post", time_out)
        with pytest.raises(Auth0UnreachableError, match="Connection timeout to host") as caught:
            act(hook)
        assert tenant.domain in str(caught.value)
        assert "ticket0id" not in str(caught.value)
        assert "/api/v2" not in str(caught.value)


class TestConnectionButton:
    def test_it_says_what_works(self, hook: Auth0Hook, tenant: Sandbox) -> None:
        works, said = hook.test_connection()
        assert works
        assert said == (
            f"{tenant.domain} gives a token that may create access tickets; the profile is 'Sandbox profile'."
        )
        assert tenant.stats().tickets == 0

    def test_it_says_that_nothing_can_be_revoked(self, run_tenant: RunTenant, connect: Connect) -> None:
        connect(run_tenant(scopes=(CREATE_SCOPE,)))
        works, said = Auth0Hook().test_connection()
        assert works
        assert f"grant {REVOKE_SCOPE}" in said
        assert "profile" not in said

    def test_it_needs_no_profile(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, extra={"profile_id": ""})
        works, said = Auth0Hook().test_connection()
        assert works
        assert "profile" not in said

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"password": "wr0ng-secret"}, "client secret"),
            ({"host": "http://127.0.0.1:1"}, "No connection to 127.0.0.1:1"),
            ({"host": ""}, "has no host"),
            ({"host": "http://acme.example.com"}, "unprotected"),
            ({"login": ""}, "login (client id)"),
            ({"extra": {"profile_id": "ssp_unknown"}}, "Profile with ID: ssp_unknown not found"),
            ({"extra": {"timeout": "soon"}}, "timeout"),
            ({"extra": {"audience": "https://elsewhere.example.com/api/v2/"}}, "'audience'"),
            ({"extra": {"private_key": "no PEM"}}, "'private_key' can't sign"),
        ],
        ids=str,
    )
    def test_it_says_what_is_wrong(self, tenant: Sandbox, connect: Connect, changes: dict[str, Any], said: str) -> None:
        connect(tenant, **changes)
        works, text = Auth0Hook().test_connection()
        assert not works
        assert said in text
        assert "wr0ng-secret" not in text
        assert tenant.client_secret not in text

    def test_it_says_which_scope_is_missing(self, run_tenant: RunTenant, connect: Connect) -> None:
        connect(run_tenant(scopes=(READ_PROFILE_SCOPE,)))
        works, said = Auth0Hook().test_connection()
        assert not works
        assert CREATE_SCOPE in said

    def test_it_says_that_the_connection_is_missing(self) -> None:
        works, said = Auth0Hook("auth0_elsewhere").test_connection()
        assert not works
        assert "AIRFLOW_CONN_AUTH0_ELSEWHERE" in said


class TestSecrets:
    @pytest.mark.parametrize("name", ["password", "private_key", "token"])
    def test_a_connections_secrets_are_masked_in_airflows_logs(
        self, tenant: Sandbox, connect: Connect, name: str
    ) -> None:
        secret = f"hidden-{name}-{time.monotonic_ns()}"
        connect(tenant, **({"password": secret} if name == "password" else {"extra": {name: secret}}))
        _ = Auth0Hook().settings
        assert secret not in str(redact(f"it is {secret}"))

    def test_a_fetched_token_is_masked_in_airflows_logs(self, hook: Auth0Hook) -> None:
        token = using(hook, lambda opened: opened.token())
        assert token.access_token not in str(redact(f"it is {token.access_token}"))

    @pytest.mark.parametrize("kind", ["error_after", "drop_after", "rate_limit_storm"])
    def test_an_error_shows_neither_secret_nor_token(self, tenant: Sandbox, hook: Auth0Hook, kind: str) -> None:
        token = using(hook, lambda opened: opened.token()).access_token
        tenant.fault(kind)  # type: ignore[arg-type]
        with pytest.raises(Auth0TransientError) as caught:
            create(hook)
        shown = f"{caught.value!r} {caught.value} {vars(caught.value)} {hook.settings!r}"
        hidden = [token, tenant.client_secret, *(ticket.id for ticket in tenant.tickets)]
        assert not [word for word in hidden if word in shown]


def test_reading_the_settings_again_asks_airflow_once(
    tenant: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant)
    hook = Auth0Hook()
    first = hook.settings
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", json.dumps({"conn_type": "auth0"}))
    assert hook.settings is first
    with pytest.raises(Auth0ConnectionError):
        _ = Auth0Hook().settings


@pytest.mark.parametrize(
    ("url", "ticket_id"),
    [
        ("https://acme.eu.auth0.com/self-service/connections-flow?ticket=abc", "abc"),
        ("https://login.example.com/elsewhere?lang=en&ticket=abc#top", "abc"),
        ("https://acme.eu.auth0.com/ticket/abc", ""),
        ("https://acme.eu.auth0.com/?ticket=", ""),
        ("https://[::1?ticket=abc", ""),
        ("", ""),
    ],
)
def test_a_tickets_id_is_its_urls_parameter(url: str, ticket_id: str) -> None:
    assert SsoTicket(url).ticket_id == ticket_id


def test_a_token_that_was_withdrawn_each_time_it_was_new_is_renewed_by_a_later_call(
    tenant: Sandbox, auth0_connection: dict[str, Any]
) -> None:
    class WithdrawingPacer(RateLimiter):
        async def acquire(self, within: float = 0) -> None:
            tenant.fault("expire_tokens")

    async def first_in_vain(opened: Auth0Hook) -> None:
        opened.rate_limiter = WithdrawingPacer(1000)
        with pytest.raises(Auth0TokenError):
            await opened.create_sso_ticket(tenant.profile_id, BODY)
        opened.rate_limiter = None
        await opened.create_sso_ticket(tenant.profile_id, BODY)

    using(Auth0Hook(timeouts=Timeouts(longest_cooldown=0)), first_in_vain)
    assert tenant.stats().tickets == 1
    assert tenant.stats().tokens_issued == 4


def test_a_token_that_stays_refused_is_renewed_no_second_time(tenant: Sandbox, hook: Auth0Hook) -> None:
    tenant.fault("refuse_tokens", count=100)
    with pytest.raises(Auth0TokenError, match="401"):
        create(hook)
    assert tenant.stats().tokens_issued == 2
    assert tenant.stats().requests == 2


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _self_signed(key: rsa.RSAPrivateKey, path: Path) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path.write_text(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode())
    return path
