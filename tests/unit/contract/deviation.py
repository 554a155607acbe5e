"""Sandboxes whose API answers with other statuses than it should."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from dev.sandbox import server


@contextmanager
def deviating(statuses: Mapping[int, int]) -> Iterator[None]:
    """Have each sandbox that is started in the block answer with other statuses."""
    create_app = server.create_app

    def create_deviating_app(tenant: Any) -> Any:
        app: Any = create_app(tenant)

        async def deviating_app(scope: Any, receive: Any, send: Any) -> None:
            async def send_changed(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["status"] = statuses.get(message["status"], message["status"])
                await send(message)

            await app(scope, receive, send_changed)

        return deviating_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "create_app", create_deviating_app)
        yield
