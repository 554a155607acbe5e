"""Auth0's own Python SDK against the sandbox: the project may rely on what it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import httpx
import pytest
from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management import ManagementClient
from auth0.management.types import (
    SelfServiceProfileAllowedStrategyEnum,
    SelfServiceProfileSsoTicketConnectionConfig,
    SelfServiceProfileSsoTicketDomainAliasesConfig,
    SelfServiceProfileSsoTicketEnabledOrganization,
)
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import STRATEGIES, SandboxSettings
from tests.support.certificates import Authority

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def https_tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run a tenant whose certificate both HTTP libraries of the SDK trust."""
    public_key = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    settings = SandboxSettings(latency=(0, 0), log_delay=(0, 0), public_keys=(public_key,))
    with pytest.MonkeyPatch.context() as patch:
        authority = Authority(tmp_path_factory.mktemp("tls"), patch)
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(variable, str(authority.file))
        with Sandbox(settings, host="localhost", certificate=authority.certificate_of("localhost")) as tenant:
            yield tenant


def test_the_management_client_gets_a_token_and_creates_and_revokes_a_ticket(https_tenant: Sandbox) -> None:
    sdk = ManagementClient(
        domain=https_tenant.domain, client_id=https_tenant.client_id, client_secret=https_tenant.client_secret
    )
    made = sdk.self_service_profiles.sso_ticket.create(
        https_tenant.profile_id,
        connection_config=SelfServiceProfileSsoTicketConnectionConfig(name="acme"),
        enabled_organizations=[
            SelfServiceProfileSsoTicketEnabledOrganization(organization_id="org_1", assign_membership_on_login=True)
        ],
        ttl_sec=3600,
    )
    assert made.ticket is not None
    assert made.ticket.startswith(f"{https_tenant.url}/self-service/connections-flow?ticket=")
    (ticket,) = https_tenant.tickets
    assert ticket.body == {
        "connection_config": {"name": "acme"},
        "enabled_organizations": [{"organization_id": "org_1", "assign_membership_on_login": True}],
        "ttl_sec": 3600,
    }
    sdk.self_service_profiles.sso_ticket.revoke(https_tenant.profile_id, made.ticket.partition("=")[2])
    assert [ticket.state for ticket in https_tenant.tickets] == ["revoked"]
    assert sdk.self_service_profiles.get(https_tenant.profile_id).id == https_tenant.profile_id
    assert https_tenant.stats().tokens_issued == 1


def test_the_management_client_reads_what_became_of_a_ticket(https_tenant: Sandbox) -> None:
    https_tenant.reset()
    sdk = ManagementClient(
        domain=https_tenant.domain, client_id=https_tenant.client_id, client_secret=https_tenant.client_secret
    )
    for number in range(3):
        made = sdk.self_service_profiles.sso_ticket.create(
            https_tenant.profile_id,
            connection_config=SelfServiceProfileSsoTicketConnectionConfig(name=f"acme-{number}"),
            enabled_clients=["client_1"],
            enabled_organizations=[SelfServiceProfileSsoTicketEnabledOrganization(organization_id="org_1")],
            domain_aliases_config=SelfServiceProfileSsoTicketDomainAliasesConfig(
                domain_verification="required", pending_domains=[f"acme{number}.example"]
            ),
        )
        assert made.ticket is not None
        httpx.post(made.ticket, data={"step": "finish" if number else "set_up"}).raise_for_status()

    logs = sdk.logs.list(per_page=2, sort="date:1")
    assert [log.type for log in logs][:2] == ["seccft", "ss_sso_success"]
    assert [log.details["connection_name"] for log in logs if log.details][-1] == "acme-2"
    connections = list(sdk.connections.list(take=2, strategy=["oidc"]))
    assert [connection.name for connection in connections] == ["acme-0", "acme-1", "acme-2"]
    assert connections[1].options == {"domain_aliases": ["acme1.example"]}
    enabled = list(sdk.organizations.enabled_connections.list("org_1", per_page=1))
    assert [one.connection.name for one in enabled if one.connection] == ["acme-1", "acme-2"]
    domains = list(sdk.organizations.discovery_domains.list("org_1", take=2))
    assert [(one.domain, one.status) for one in domains] == [
        ("acme0.example", "pending"),
        ("acme1.example", "verified"),
        ("acme2.example", "verified"),
    ]


def test_the_authentication_client_gets_a_token_by_private_key_jwt(https_tenant: Sandbox) -> None:
    audience = f"https://{https_tenant.domain}/api/v2/"
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sdk = GetToken(https_tenant.domain, https_tenant.client_id, client_assertion_signing_key=pem)
    assert sdk.client_credentials(audience)["expires_in"] == 86_400
    stranger = GetToken(https_tenant.domain, https_tenant.client_id, client_secret="wrong")
    with pytest.raises(Auth0Error, match="Unauthorized") as refused:
        stranger.client_credentials(audience)
    assert (refused.value.status_code, refused.value.error_code) == (401, "access_denied")


def test_the_strategies_of_a_profile_are_those_that_the_sdk_knows() -> None:
    known, _any_other = get_args(SelfServiceProfileAllowedStrategyEnum)
    assert set(STRATEGIES) == set(get_args(known))
