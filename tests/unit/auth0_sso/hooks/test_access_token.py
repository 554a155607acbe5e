"""One token for all requests of a process, without a vault; the vault's own tests are beside the ledger's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import time_machine
from auth0_sso.exceptions import Auth0RunError, Auth0UnreachableError
from auth0_sso.hooks.access_token import SharedToken, token_key
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.models import Token
from pydantic import SecretStr

SETTINGS = Auth0Settings(base_url="https://acme.eu.auth0.com", client_id="client", client_secret="s3cret")


class Tenant:
    """Gives tokens, one after the other, after a moment."""

    def __init__(self, lifetime: float = 3600.0, failures: int = 0) -> None:
        self.given = 0
        self.asked = 0
        self._lifetime = lifetime
        self._failures = failures

    async def __call__(self) -> Token:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.asked <= self._failures:
            raise Auth0UnreachableError("No connection.")
        self.given += 1
        return Token(f"token-{self.given}", time.time() + self._lifetime, frozenset({"a:b"}))


@pytest.mark.parametrize(("left", "serves"), [(3600, True), (1, True), (0, False), (-1, False), (float("inf"), True)])
def test_a_token_serves_until_its_time(left: float, serves: bool) -> None:
    assert Token("t", 1000.0 + left, frozenset()).serves(1000.0) is serves


def test_many_callers_at_once_fetch_one_token() -> None:
    tenant = Tenant()

    async def ask() -> list[Token]:
        shared = SharedToken(SETTINGS, tenant, None)
        return await asyncio.gather(*(shared.get() for _ in range(50)))

    assert {token.access_token for token in asyncio.run(ask())} == {"token-1"}
    assert tenant.given == 1


def test_a_token_is_renewed_before_it_expires() -> None:
    tenant = Tenant(lifetime=600)

    async def ask() -> list[str]:
        shared = SharedToken(SETTINGS, tenant, None)
        with time_machine.travel(1000.0, tick=False) as traveller:
            got = [(await shared.get()).access_token]
            for later in (1500.0, 1599.0, 1600.0):
                traveller.move_to(later)
                got.append((await shared.get()).access_token)
        return got

    assert asyncio.run(ask()) == ["token-1", "token-1", "token-1", "token-2"]


def test_a_refused_token_is_renewed_once_however_many_had_used_it() -> None:
    tenant = Tenant()

    async def ask() -> list[Token]:
        shared = SharedToken(SETTINGS, tenant, None)
        refused = await shared.get()
        return await asyncio.gather(*(shared.get(rejected=refused) for _ in range(50)))

    assert {token.access_token for token in asyncio.run(ask())} == {"token-2"}
    assert tenant.given == 2


def test_each_renewal_can_be_refused_in_turn() -> None:
    async def ask() -> list[str]:
        shared = SharedToken(SETTINGS, Tenant(), None)
        token = await shared.get()
        got = []
        for _ in range(3):
            token = await shared.get(rejected=token)
            got.append(token.access_token)
        return got

    assert asyncio.run(ask()) == ["token-2", "token-3", "token-4"]


def test_a_failed_fetch_is_told_and_tried_again_by_the_next() -> None:
    async def ask() -> str:
        shared = SharedToken(SETTINGS, Tenant(failures=1), None)
        with pytest.raises(Auth0UnreachableError):
            await shared.get()
        return (await shared.get()).access_token

    assert asyncio.run(ask()) == "token-1"


def test_a_failed_fetch_is_told_to_all_that_wait_for_it_and_not_tried_by_each_in_turn() -> None:
    tenant = Tenant(failures=100)

    async def ask() -> list[Token | BaseException]:
        shared = SharedToken(SETTINGS, tenant, None)
        return await asyncio.gather(*(shared.get() for _ in range(20)), return_exceptions=True)

    assert {type(result) for result in asyncio.run(ask())} == {Auth0UnreachableError}
    assert tenant.asked == 1


def test_refused_credentials_are_not_tried_again() -> None:
    asked = []

    async def refuse() -> Token:
        asked.append(1)
        raise Auth0RunError("401")

    async def ask_twice() -> None:
        shared = SharedToken(SETTINGS, refuse, None)
        for _ in range(2):
            with pytest.raises(Auth0RunError):
                await shared.get()

    asyncio.run(ask_twice())
    assert len(asked) == 1


def test_a_token_that_replaced_a_refused_one_is_not_replaced_before_it_has_served() -> None:
    async def ask() -> list[bool]:
        shared = SharedToken(SETTINGS, Tenant(), None)
        first = await shared.get()
        told = [shared.can_renew(first)]
        second = await shared.get(rejected=first)
        told += [shared.can_renew(first), shared.can_renew(second)]
        shared.mark_accepted(first)  # an answer that came late
        told.append(shared.can_renew(second))
        shared.mark_accepted(second)
        told.append(shared.can_renew(second))
        return told

    assert asyncio.run(ask()) == [True, True, False, False, True]


def test_a_token_that_stays_refused_is_replaced_every_half_minute_and_no_more_often() -> None:
    now = 1000.0

    async def ask() -> list[bool]:
        nonlocal now
        shared = SharedToken(SETTINGS, Tenant(), None, clock=lambda: now)
        token = await shared.get()
        told = []
        for _ in range(2):
            token = await shared.get(rejected=token)
            for later in (29, 1):
                now += later
                told.append(shared.can_renew(token))
        return told

    assert asyncio.run(ask()) == [False, True, False, True]


def test_a_caller_that_is_cancelled_does_not_hold_up_the_others() -> None:
    async def ask() -> str:
        shared = SharedToken(SETTINGS, Tenant(), None)
        first, second = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
        await asyncio.sleep(0.001)
        first.cancel()
        return (await asyncio.wait_for(second, 5)).access_token

    assert asyncio.run(ask()) == "token-1"


def test_a_ready_made_token_is_used_as_it_is() -> None:
    tenant = Tenant()
    shared = SharedToken(SETTINGS.model_copy(update={"token": SecretStr("ready")}), tenant, None)
    token = asyncio.run(shared.get())
    assert token.access_token == "ready"
    assert token.serves(time.time() + 10**9)
    assert tenant.asked == 0


def test_a_ready_made_token_that_is_refused_is_the_runs_error() -> None:
    shared = SharedToken(SETTINGS.model_copy(update={"token": SecretStr("ready")}), Tenant(), None)

    async def ask() -> None:
        await shared.get(rejected=await shared.get())

    with pytest.raises(Auth0RunError, match="ready-made token") as caught:
        asyncio.run(ask())
    assert "'token'" in caught.value.advice
    assert "ready'" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.model_copy(update={"client_secret": SecretStr("other")}),
        lambda s: s.model_copy(update={"client_id": "other"}),
        lambda s: s.model_copy(update={"audience": "https://other.example.com/api/v2/"}),
        lambda s: s.model_copy(update={"base_url": "https://other.example.com"}),
        lambda s: s.model_copy(update={"private_key": SecretStr("PEM")}),
    ],
    ids=["secret", "client", "audience", "tenant", "key"],
)
def test_other_credentials_have_another_token(change: Callable[[Auth0Settings], Auth0Settings]) -> None:
    assert token_key(change(SETTINGS)) != token_key(SETTINGS)


def test_the_pace_the_profile_and_the_proxy_do_not_change_the_token() -> None:
    others = {"requests_per_slot": 5.0, "profile_id": "ssp_1", "timeout": 3.0, "proxy": SecretStr("http://u:p@proxy:1")}
    changed = SETTINGS.model_copy(update=others)
    assert token_key(changed) == token_key(SETTINGS)


def test_the_name_of_a_token_tells_no_secret() -> None:
    assert "s3cret" not in token_key(SETTINGS)
