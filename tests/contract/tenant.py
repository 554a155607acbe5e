"""The tenant that the suite runs against, and the sandbox that it is by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auth0_sso.hooks.settings import Auth0Settings

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.contract.client import ContractClient

ORGANIZATION_VARIABLE: Final = "SSO_TICKETS_TEST_ORGANIZATION"
"""The environment variable that names an organization of the tenant, of which the suite reads."""

ORGANIZATION_ID: Final = "org_contractTest0001"
"""The organization of the suite's own sandbox."""

# Quick, and with two connections to read.
SANDBOX: Final = SandboxSettings(
    plan=Plan(size=1000, refill=1000),
    latency=(0, 0),
    log_delay=(0, 0),
    connections={"con_contractTest0001": "acme", "con_contractTest0002": "globex"},
)


@dataclass(frozen=True)
class Tenant:
    """
    One tenant.

    :param organization_id: one of its organizations; empty if none is known.
    :param sandbox: set if it is the suite's own sandbox.
    """

    client: ContractClient
    organization_id: str
    sandbox: Sandbox | None = None


def settings_for(sandbox: Sandbox) -> Auth0Settings:
    """Return the settings of a connection to a sandbox."""
    return Auth0Settings(
        base_url=sandbox.url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        profile_id=sandbox.profile_id,
        audience=f"https://{sandbox.domain}/api/v2/",
    )
