"""``python -m tests.bench.ways.sdk N loop|threads|gather``: Auth0's SDK creates N tickets; prints the seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from auth0.authentication import GetToken
from auth0.management import AsyncAuth0, Auth0
from auth0.management.core.api_error import ApiError
from auth0.management.types import (
    SelfServiceProfileSsoTicketConnectionConfig,
    SelfServiceProfileSsoTicketEnabledOrganization,
)

from tests.bench.pacing import connection

_THREADS = 16


def main(prospects: int, way: str) -> float:
    """Return the seconds it took; a prospect that the SDK gives up on is lost."""
    tenant = connection()
    domain = tenant["host"].partition("://")[2]
    began = time.perf_counter()
    tokens = GetToken(domain, tenant["login"], tenant["password"], protocol="http")
    # The client inside ManagementClient, which itself supports https only.
    client = {
        "base_url": f"{tenant['host']}/api/v2",
        "token": tokens.client_credentials(f"https://{domain}/api/v2/")["access_token"],
    }
    rows = range(1, prospects + 1)
    if way == "gather":
        asyncio.run(_gather(client, tenant["profile_id"], rows))
    else:
        _call(Auth0(**client), tenant["profile_id"], rows, threads=_THREADS if way == "threads" else 1)
    return time.perf_counter() - began


def _call(client: Auth0, profile_id: str, rows: Iterable[int], threads: int) -> None:
    def create(row: int) -> None:
        with _lost_if_refused():
            client.self_service_profiles.sso_ticket.create(profile_id, **_body(row))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(create, rows))


async def _gather(client: dict[str, str], profile_id: str, rows: Iterable[int]) -> None:
    sdk = AsyncAuth0(**client)

    async def create(row: int) -> None:
        with _lost_if_refused():
            await sdk.self_service_profiles.sso_ticket.create(profile_id, **_body(row))

    await asyncio.gather(*map(create, rows))


def _body(row: int) -> dict[str, Any]:
    organization = SelfServiceProfileSsoTicketEnabledOrganization(organization_id=f"org_{row:016d}")
    connection_config = SelfServiceProfileSsoTicketConnectionConfig(name=f"corp-{row}")
    return {"connection_config": connection_config, "enabled_organizations": [organization]}


@contextmanager
def _lost_if_refused() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        if error.status_code != 429:
            raise


if __name__ == "__main__":
    print(json.dumps({"seconds": main(int(sys.argv[1]), sys.argv[2])}))
