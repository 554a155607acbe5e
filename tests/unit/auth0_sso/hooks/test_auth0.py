"""The hook with the sandbox tenant."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from airflow.sdk.log import redact
from auth0_sso.exceptions import (
    Auth0ProfileError,
    Auth0RowError,
    Auth0RunError,
    Auth0TokenError,
    Auth0UnreachableError,
)
from auth0_sso.hooks.auth0 import CREATE_SCOPE, READ_PROFILE_SCOPE, REVOKE_SCOPE, Auth0Hook
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import Timeouts

from dev.sandbox.server import Sandbox
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.hooks.conftest import BODY, TICKET_ID, create, revoke, using


@pytest.fixture(autouse=True)
def _no_secret_in_the_log(
    tenant: Sandbox, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Check after each test that no ticket's id and no secret was logged."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join([*(record.getMessage() for record in caplog.get_records("call")), *capsys.readouterr()])
    hidden = ["Bearer ", tenant.client_secret, *(ticket.id for ticket in tenant.tickets)]
    assert not [word for word in hidden if word in logged]


class TestRequests:
    def test_a_ticket_is_created_as_requested(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        ticket = create(hook)
        (created,) = tenant.tickets
        assert ticket.ticket_id == created.id
        assert ticket.url == f"{tenant.url}/self-service/connections-flow?ticket={created.id}"
        assert created.body == BODY
        assert created.profile_id == tenant.profile_id
        assert ticket.ticket_id not in f"{ticket!r} {ticket} {[ticket]}"

    @pytest.mark.parametrize("odd", ["..", "ssp_1/..", "ssp?x=1&y#z", "ssp_1\n", "ssp_\ud800", "s" * 256, ""])
    def test_an_id_that_could_change_the_path_is_not_sent(self, tenant: Sandbox, hook: Auth0Hook, odd: str) -> None:
        with pytest.raises(Auth0ProfileError, match="Set profile_id"):
            create(hook, profile_id=odd)
        assert tenant.requests == []

    @pytest.mark.parametrize("odd", ["a.example\r\nx: y", "a.example/x", "localhost", "a." * 126 + "example"])
    def test_a_custom_domain_that_is_no_host_is_not_sent(self, tenant: Sandbox, hook: Auth0Hook, odd: str) -> None:
        with pytest.raises(Auth0RowError, match="must be a host"):
            create(hook, custom_domain=odd)
        assert tenant.requests == []

    def test_a_hook_that_is_not_open_or_has_no_rate_limiter_says_so(self, hook: Auth0Hook) -> None:
        with pytest.raises(RuntimeError, match=r"async with hook\.open"):
            asyncio.run(hook.create_sso_ticket("ssp_1", BODY))
        with pytest.raises(ValueError, match="no rate limiter"):
            hook.require_rate_limiter()


class TestSynchronousForm:
    @pytest.fixture
    def hook(self, tenant: Sandbox, connect: Connect) -> Auth0Hook:
        connect(tenant, extra={"requests_per_slot": 1000, "custom_domain": "login.example.com"})
        return Auth0Hook()

    def test_a_ticket_is_created_and_revoked_with_the_connections_profile(
        self, tenant: Sandbox, hook: Auth0Hook
    ) -> None:
        ticket = hook.create_sso_ticket_sync(BODY)
        assert ticket.url == f"https://login.example.com/self-service/connections-flow?ticket={tenant.tickets[0].id}"
        assert tenant.tickets[0].body == BODY
        assert ticket.ticket_id not in str(redact(f"the ticket is {ticket.url}")), "Airflow masks it in logs"
        hook.revoke_sso_ticket_sync(ticket.ticket_id)
        assert [ticket.state for ticket in tenant.tickets] == ["revoked"]
        assert tenant.stats().token_requests == 1, "one hook uses one token"

    def test_profile_and_custom_domain_can_be_chosen(self, hook: Auth0Hook) -> None:
        ticket = hook.create_sso_ticket_sync(BODY, custom_domain="sso.example.com")
        assert ticket.url.startswith("https://sso.example.com/")
        with pytest.raises(Auth0ProfileError, match="ssp_other"):
            hook.create_sso_ticket_sync(BODY, profile_id="ssp_other")
        with pytest.raises(Auth0ProfileError, match="no/profile"):
            hook.revoke_sso_ticket_sync(ticket.ticket_id, profile_id="no/profile")

    def test_requests_leave_as_those_of_one_pool_slot(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, extra={"requests_per_slot": 10})
        hook = Auth0Hook()
        began = time.monotonic()
        for _ in range(3):
            hook.create_sso_ticket_sync(BODY)
        assert time.monotonic() - began >= 0.3
        assert hook.require_rate_limiter().requests == 3


class TestRateLimit:
    def test_every_request_uses_the_rate_limiter(self, tenant: Sandbox, hook: Auth0Hook) -> None:
        hook.rate_limiter = RateLimiter(1000)

        async def all_kinds(opened: Auth0Hook) -> None:
            ticket = await opened.create_sso_ticket(tenant.profile_id, BODY)
            await opened.revoke_sso_ticket(tenant.profile_id, ticket.ticket_id)
            await opened.get_self_service_profile(tenant.profile_id)
            tenant.fault("expire_tokens")  # one more request, with a new token
            await opened.create_sso_ticket(tenant.profile_id, BODY)

        using(hook, all_kinds)
        assert hook.rate_limiter.requests == tenant.stats().requests == 5


class TestToken:
    def test_when_each_new_token_was_revoked_a_later_call_renews_it_again(
        self, tenant: Sandbox, auth0_connection: dict[str, Any]
    ) -> None:
        class RevokingLimiter(RateLimiter):
            async def acquire(self, within: float = 0) -> None:
                tenant.fault("expire_tokens")

        async def fail_and_succeed(opened: Auth0Hook) -> None:
            opened.rate_limiter = RevokingLimiter(1000)
            with pytest.raises(Auth0TokenError):
                await opened.create_sso_ticket(tenant.profile_id, BODY)
            opened.rate_limiter = None
            await opened.create_sso_ticket(tenant.profile_id, BODY)

        using(Auth0Hook(timeouts=Timeouts(longest_cooldown=0)), fail_and_succeed)
        assert (tenant.stats().tickets, tenant.stats().tokens_issued) == (1, 4)

    def test_a_ready_made_token_is_sent_and_none_is_fetched(
        self, tenant: Sandbox, hook: Auth0Hook, connect: Connect
    ) -> None:
        ready = using(hook, lambda opened: opened.token()).access_token
        tenant.reset()
        connect(tenant, password=None, login=None, extra={"token": ready})
        create(Auth0Hook())
        assert (tenant.stats().tickets, tenant.stats().token_requests) == (1, 0)

    def test_missing_scopes_are_named_before_anything_is_sent(self, run_tenant: RunTenant, connect: Connect) -> None:
        own = run_tenant(scopes=(READ_PROFILE_SCOPE,))
        connect(own)
        with pytest.raises(Auth0RunError, match=f"{CREATE_SCOPE} and {REVOKE_SCOPE}") as caught:
            using(Auth0Hook(), lambda opened: opened.require_scopes([CREATE_SCOPE, REVOKE_SCOPE]))
        assert "Machine to Machine Applications" in caught.value.advice
        assert own.stats().requests == 0

    def test_the_scopes_of_a_ready_made_token_are_not_checked(self, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, extra={"token": "ready"})
        assert not using(Auth0Hook(), lambda opened: opened.require_scopes([CREATE_SCOPE])).scopes


class TestErrors:
    @pytest.mark.parametrize("act", [create, revoke])
    def test_a_connection_timeout_is_reported_without_the_path(
        self, tenant: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, act: Callable[[Auth0Hook], object]
    ) -> None:
        async def time_out(_session: object, url: str, **_options: Any) -> None:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")

        connect(tenant, extra={"token": "ready"})
        monkeypatch.setattr(aiohttp.ClientSession, "post", time_out)
        with pytest.raises(Auth0UnreachableError, match="Connection timeout to host") as caught:
            act(Auth0Hook())
        assert tenant.domain in str(caught.value)
        assert TICKET_ID not in str(caught.value)
        assert "/api/v2" not in str(caught.value)


class TestConnectionTest:
    def test_it_reports_what_works(self, hook: Auth0Hook, tenant: Sandbox) -> None:
        assert hook.test_connection() == (
            True,
            f"{tenant.domain} gives a token that may create access tickets; the profile is 'Sandbox profile'.",
        )
        assert tenant.stats().tickets == 0

    @pytest.mark.parametrize(("scope", "works"), [(CREATE_SCOPE, True), (READ_PROFILE_SCOPE, False)])
    def test_it_reports_a_missing_scope_and_fails_if_it_is_the_one_to_create_tickets(
        self, run_tenant: RunTenant, connect: Connect, scope: str, works: bool
    ) -> None:
        connect(run_tenant(scopes=(scope,)))
        worked, said = Auth0Hook().test_connection()
        assert worked is works
        assert (f"grant {REVOKE_SCOPE}" if works else CREATE_SCOPE) in said
        assert "profile" not in said

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"password": "wr0ng-secret"}, "client secret"),
            ({"host": "http://127.0.0.1:1"}, "No connection to 127.0.0.1:1"),
            ({"extra": {"profile_id": "ssp_unknown"}}, "Profile with ID: ssp_unknown not found"),
            ({"extra": {"timeout": "soon"}}, "timeout"),
            ({"extra": {"audience": "https://elsewhere.example.com/api/v2/"}}, "'audience'"),
        ],
        ids=str,
    )
    def test_it_reports_what_is_wrong(
        self, tenant: Sandbox, connect: Connect, changes: dict[str, Any], problem: str
    ) -> None:
        connect(tenant, **changes)
        works, said = Auth0Hook().test_connection()
        assert not works
        assert problem in said
        assert not [secret for secret in ("wr0ng-secret", tenant.client_secret) if secret in said]


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


@pytest.mark.parametrize(
    ("url", "ticket_id"),
    [
        ("https://login.example.com/elsewhere?lang=en&ticket=abc#top", "abc"),
        ("https://acme.eu.auth0.com/ticket/abc", ""),
        ("https://[::1?ticket=abc", ""),
    ],
)
def test_a_tickets_id_is_its_urls_parameter(url: str, ticket_id: str) -> None:
    assert SsoTicket(url).ticket_id == ticket_id
