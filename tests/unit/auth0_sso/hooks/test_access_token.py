"""One token for all requests of a process; tests of the token store are beside the ledger's."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import time_machine
from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0UnreachableError
from auth0_sso.hooks.access_token import SharedToken, token_key
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.models import Token
from pydantic import SecretStr

SETTINGS = Auth0Settings(base_url="https://acme.eu.auth0.com", client_id="client", client_secret="s3cret")


class Tenant:
    """Issues ``token-1``, ``token-2`` and so on, after the errors."""

    def __init__(self, *errors: Auth0Error, lifetime: float = 3600.0) -> None:
        self.issued = 0
        self.requests = 0
        self._errors = list(errors)
        self._lifetime = lifetime

    async def __call__(self) -> Token:
        self.requests += 1
        await asyncio.sleep(0.01)
        if self._errors:
            raise self._errors.pop(0)
        self.issued += 1
        return Token(f"token-{self.issued}", time.time() + self._lifetime, frozenset({"a:b"}))


def shared_by(tenant: Tenant, **options: Any) -> SharedToken:
    return SharedToken(SETTINGS, tenant, None, **options)


async def get_at_once(shared: SharedToken, *, rejected: Token | None = None) -> set[str]:
    """Return the tokens that many callers get."""
    return {token.access_token for token in await asyncio.gather(*(shared.get(rejected=rejected) for _ in range(50)))}


def test_many_callers_at_once_fetch_one_token_and_renew_a_refused_one_once() -> None:
    tenant = Tenant()

    async def run() -> list[set[str]]:
        shared = shared_by(tenant)
        return [await get_at_once(shared), await get_at_once(shared, rejected=await shared.get())]

    assert asyncio.run(run()) == [{"token-1"}, {"token-2"}]
    assert tenant.issued == 2


def test_an_expired_token_is_renewed() -> None:
    async def run() -> list[str]:
        shared = shared_by(Tenant(lifetime=600))
        tokens = []
        with time_machine.travel(1000.0, tick=False) as traveller:
            for at in (1000.0, 1599.0, 1600.0):
                traveller.move_to(at)
                tokens.append((await shared.get()).access_token)
        return tokens

    assert asyncio.run(run()) == ["token-1", "token-1", "token-2"]


def test_a_failed_fetch_is_shared_by_all_callers_and_retried_by_the_next_one() -> None:
    tenant = Tenant(Auth0UnreachableError("No connection."))

    async def run() -> str:
        shared = shared_by(tenant)
        results = await asyncio.gather(*(shared.get() for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {Auth0UnreachableError}
        assert tenant.requests == 1
        return (await shared.get()).access_token

    assert asyncio.run(run()) == "token-1"


def test_refused_credentials_are_not_tried_again() -> None:
    tenant = Tenant(Auth0RunError("401"))
    shared = shared_by(tenant)
    for _ in range(2):
        with pytest.raises(Auth0RunError):
            asyncio.run(shared.get())
    assert tenant.requests == 1


def test_a_new_token_is_not_renewed_before_the_tenant_has_accepted_it() -> None:
    async def run() -> list[bool]:
        shared = shared_by(Tenant())
        first = await shared.get()
        results = [shared.can_renew(first)]
        second = await shared.get(rejected=first)
        results += [shared.can_renew(first), shared.can_renew(second)]
        shared.mark_accepted(first)  # a late answer
        results.append(shared.can_renew(second))
        shared.mark_accepted(second)
        return [*results, shared.can_renew(second)]

    assert asyncio.run(run()) == [True, True, False, False, True]


def test_a_token_that_stays_refused_is_renewed_every_half_minute() -> None:
    now = 1000.0

    async def run() -> list[bool]:
        nonlocal now
        shared = shared_by(Tenant(), clock=lambda: now)
        token = await shared.get()
        results = []
        for _ in range(2):
            token = await shared.get(rejected=token)
            for seconds in (29, 1):
                now += seconds
                results.append(shared.can_renew(token))
        return results

    assert asyncio.run(run()) == [False, True, False, True]


def test_a_cancelled_caller_does_not_block_the_others() -> None:
    async def run() -> str:
        shared = shared_by(Tenant())
        first, second = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
        await asyncio.sleep(0.001)
        first.cancel()
        return (await asyncio.wait_for(second, 5)).access_token

    assert asyncio.run(run()) == "token-1"


def test_a_ready_made_token_is_used_until_the_tenant_refuses_it() -> None:
    tenant = Tenant()
    shared = SharedToken(SETTINGS.model_copy(update={"token": SecretStr("r3ady")}), tenant, None)

    async def run() -> None:
        token = await shared.get()
        assert token.access_token == "r3ady"
        assert token.serves(time.time() + 10**9)
        await shared.get(rejected=token)

    with pytest.raises(Auth0RunError, match=r"ready-made token.*'token'") as caught:
        asyncio.run(run())
    assert "r3ady" not in str(caught.value)
    assert tenant.requests == 0


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": SecretStr("other")},
        {"client_id": "other"},
        {"audience": "https://other.example.com/api/v2/"},
        {"base_url": "https://other.example.com"},
        {"private_key": SecretStr("PEM")},
    ],
    ids=str,
)
def test_other_credentials_have_another_token(change: dict[str, object]) -> None:
    key = token_key(SETTINGS.model_copy(update=change))
    assert key != token_key(SETTINGS)
    assert "s3cret" not in key


def test_other_settings_share_the_token() -> None:
    others = {"requests_per_slot": 5.0, "profile_id": "ssp_1", "timeout": 3.0, "proxy": SecretStr("http://u:p@proxy:1")}
    assert token_key(SETTINGS.model_copy(update=others)) == token_key(SETTINGS)
