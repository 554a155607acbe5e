"""
The tenant that the suite runs against: by default a sandbox of its own, with ``python -m tests.contract`` another one.

In a comparison, what the tenant did is on the left, and what the suite states on the right.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dev.sandbox.server import Sandbox
from tests.contract.client import CONNECTION_NAME, MAX_REQUESTS, Answer, ContractClient, ContractError
from tests.contract.customer import Customer
from tests.contract.facts import details, objects, server_time
from tests.contract.tenant import ORGANIZATION_ID, ORGANIZATION_VARIABLE, SANDBOX, Tenant, settings_for
from tests.contract.verdicts import Verdicts
from tests.contract.window import Window

# A tenant's log is late: these are seconds before each reading, until it has what is waited for.
LOG_WAITS = (0, 3, 5, 10, 20, 30)


@pytest.fixture(scope="session")
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    plugins = request.config.pluginmanager.get_plugins()
    given = next((plugin for plugin in plugins if isinstance(plugin, Verdicts)), None)
    if given is not None:
        yield Tenant(given.client, given.organization_id)
        return
    with Sandbox(SANDBOX) as sandbox:
        with ContractClient(settings_for(sandbox), pause=0) as client:
            client.sign_in()
            yield Tenant(client, ORGANIZATION_ID, sandbox)
        seen = sandbox.stats()
        assert seen.requests + seen.token_requests == client.requests <= MAX_REQUESTS
        assert client.links_left == 0


@pytest.fixture(scope="session")
def client(tenant: Tenant) -> ContractClient:
    return tenant.client


@pytest.fixture(scope="session")
def sandbox(tenant: Tenant) -> Sandbox:
    """Return the suite's own sandbox; a test that needs it is marked with ``sandbox_only``."""
    if tenant.sandbox is None:
        raise ContractError("This can be checked on a sandbox only.")
    return tenant.sandbox


@pytest.fixture(scope="session")
def organization_id(tenant: Tenant) -> str:
    if not tenant.organization_id:
        pytest.skip(f"{ORGANIZATION_VARIABLE} names no organization of the tenant")
    return tenant.organization_id


@pytest.fixture(scope="session")
def created(client: ContractClient) -> Answer:
    """Return the answer to the request for a link."""
    return client.create({"connection_config": {"name": CONNECTION_NAME}})


@pytest.fixture(scope="session")
def created_again(client: ContractClient, created: Answer) -> Answer:
    """Return the answer to the same request, once more."""
    return client.create({"connection_config": {"name": CONNECTION_NAME}})


@pytest.fixture(scope="session")
def window(created: Answer) -> Window:
    # The log may have the link's event in the second before the answer's.
    return Window(server_time(created) - timedelta(seconds=5))


@pytest.fixture(scope="session")
def generations(client: ContractClient, created_again: Answer, window: Window) -> list[dict[str, Any]]:
    """Return the events of the first two links, as soon as the log has both; or what it has in the end."""
    for seconds in LOG_WAITS:
        time.sleep(seconds)
        answer = client.read("logs", q=window.query(), sort="date:1", per_page=100, page=0)
        ours = [one for one in objects(answer.body) if details(one).get("connection_name") == CONNECTION_NAME]
        if len(ours) >= 2:
            break
    return ours


@pytest.fixture(scope="session")
def customer(sandbox: Sandbox) -> Iterator[Customer]:
    with Customer(sandbox.url) as one:
        yield one


@pytest.fixture(scope="session")
def finished_connection(client: ContractClient, customer: Customer) -> str:
    """Return the name of a connection that a customer has set up, with a domain, and enabled for an organization."""
    name = f"{CONNECTION_NAME}-finished"
    body = {
        "connection_config": {"name": name},
        "enabled_clients": ["contract-client"],
        "enabled_organizations": [{"organization_id": ORGANIZATION_ID}],
        "domain_aliases_config": {"domain_verification": "optional", "pending_domains": ["contract.example"]},
    }
    customer.takes(client.create(body), "finish")
    return name
