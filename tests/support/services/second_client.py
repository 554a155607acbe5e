"""Another user of a tenant, which requests what it wants at random moments and never slows down."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import aiohttp

from dev.sandbox.server import Sandbox

_STOP_SECONDS = 10.0


class SecondClient:
    """
    Sends requests during a ``with`` block, whose end raises what has stopped it before.

    ``answers`` counts their HTTP statuses.

    :param rate: requests a second, on average.
    """

    def __init__(self, tenant: Sandbox, rate: float, seed: int = 1) -> None:
        self.answers: Counter[int] = Counter()
        self.rate = rate
        self._tenant = tenant
        self._rng = random.Random(seed)
        self._is_over = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> SecondClient:
        self._sending = self._thread.submit(asyncio.run, self._send())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.set()
        self._sending.result(_STOP_SECONDS)

    async def _send(self) -> None:
        timeout = aiohttp.ClientTimeout(_STOP_SECONDS / 2)
        async with aiohttp.ClientSession(self._tenant.url, timeout=timeout) as session, asyncio.TaskGroup() as sending:
            session.headers["Authorization"] = f"Bearer {await self._token(session)}"
            due = asyncio.get_running_loop().time()
            while not self._is_over.is_set():
                due += self._rng.expovariate(self.rate)
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                sending.create_task(self._request(session))

    async def _token(self, session: aiohttp.ClientSession) -> str:
        client = {"client_id": self._tenant.client_id, "client_secret": self._tenant.client_secret}
        wanted = {"grant_type": "client_credentials", "audience": f"{self._tenant.url}/api/v2/"}
        async with session.post("/oauth/token", json={**client, **wanted}) as answer:
            return str((await answer.json())["access_token"])

    async def _request(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"/api/v2/self-service-profiles/{self._tenant.profile_id}") as answer:
            self.answers[answer.status] += 1
