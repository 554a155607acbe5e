"""How the tests of the hook call it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from auth0_sso.hooks.auth0 import Auth0Hook

Result = TypeVar("Result")


def using(hook: Auth0Hook, call: Callable[[Auth0Hook], Awaitable[Result]]) -> Result:
    """Return what ``call`` returns of the open hook."""

    async def run() -> Result:
        async with hook.open():
            return await call(hook)

    _ = hook.settings
    return asyncio.run(run())
