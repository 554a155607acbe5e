"""``python -m tests.bench.sdk N``: let Auth0's own SDK create N tickets in 16 threads; print the seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from auth0.authentication import GetToken
from auth0.management import Auth0
from auth0.management.core.api_error import ApiError
from auth0.management.types import (
    SelfServiceProfileSsoTicketConnectionConfig,
    SelfServiceProfileSsoTicketEnabledOrganization,
)

from tests.bench.pacing import connection

_THREADS = 16


def main(prospects: int) -> float:
    """Return the seconds it took; a prospect that the SDK gives up on is lost."""
    tenant = connection()
    domain = tenant["host"].partition("://")[2]
    began = time.perf_counter()
    tokens = GetToken(domain, tenant["login"], tenant["password"], protocol="http")
    token = tokens.client_credentials(f"https://{domain}/api/v2/")["access_token"]
    # The client inside ManagementClient, which itself supports https only.
    client = Auth0(base_url=f"{tenant['host']}/api/v2", token=token)

    def create(row: int) -> None:
        try:
            client.self_service_profiles.sso_ticket.create(
                tenant["profile_id"],
                connection_config=SelfServiceProfileSsoTicketConnectionConfig(name=f"corp-{row}"),
                enabled_organizations=[
                    SelfServiceProfileSsoTicketEnabledOrganization(organization_id=f"org_{row:016d}")
                ],
            )
        except ApiError as error:
            if error.status_code != 429:
                raise

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(create, range(1, prospects + 1)))
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps({"seconds": main(int(sys.argv[1]))}))
