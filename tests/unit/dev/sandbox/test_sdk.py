"""Auth0's own Python SDK against the sandbox: what it accepts, the project may rely on."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from auth0.authentication import GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management import Auth0, ManagementClient
from auth0.management.core.api_error import ApiError
from auth0.management.errors import BadRequestError, ConflictError, ForbiddenError, TooManyRequestsError
from auth0.management.types import (
    SelfServiceProfileSsoTicketConnectionConfig,
    SelfServiceProfileSsoTicketEnabledOrganization,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY_PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
ONE_TRY: Any = {"max_retries": 0}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with a throw-away key and its self-signed certificate for 127.0.0.1."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "sandbox.pem"
    file.write_text(KEY_PEM + signed.public_bytes(serialization.Encoding.PEM).decode())
    return file


@pytest.fixture(scope="module")
def running(certificate: Path) -> Iterator[Sandbox]:
    settings = SandboxSettings(latency=(0, 0), public_keys=(PUBLIC_PEM,))
    with Sandbox(settings, certificate=certificate) as tenant:
        yield tenant


@pytest.fixture
def https_tenant(running: Sandbox, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Return a tenant whose certificate both HTTP libraries of the SDK trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    running.reset()
    return running


def config(name: str) -> SelfServiceProfileSsoTicketConnectionConfig:
    return SelfServiceProfileSsoTicketConnectionConfig(name=name)


def test_the_management_client_gets_a_token_and_makes_and_revokes_a_ticket(https_tenant: Sandbox) -> None:
    sdk = ManagementClient(
        domain=https_tenant.domain,
        client_id=https_tenant.client_id,
        client_secret=https_tenant.client_secret,
    )
    made = sdk.self_service_profiles.sso_ticket.create(
        https_tenant.profile_id,
        connection_config=config("acme"),
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
    assert https_tenant.stats().tokens_issued == 1


def test_the_authentication_client_gets_a_token_by_private_key_jwt(https_tenant: Sandbox) -> None:
    audience = f"https://{https_tenant.domain}/api/v2/"
    sdk = GetToken(https_tenant.domain, https_tenant.client_id, client_assertion_signing_key=KEY_PEM)
    assert sdk.client_credentials(audience)["expires_in"] == 86_400
    stranger = GetToken(https_tenant.domain, https_tenant.client_id, client_secret="wrong")
    with pytest.raises(Auth0Error, match="Unauthorized") as refused:
        stranger.client_credentials(audience)
    assert (refused.value.status_code, refused.value.error_code) == (401, "access_denied")


@pytest.fixture
def open_sdk(run_tenant: Callable[..., Sandbox]) -> Callable[..., tuple[Sandbox, Auth0]]:
    def opened(**settings: Any) -> tuple[Sandbox, Auth0]:
        tenant = run_tenant(**settings)
        sdk = GetToken(tenant.domain, tenant.client_id, tenant.client_secret, protocol="http")
        token = sdk.client_credentials(f"https://{tenant.domain}/api/v2/")["access_token"]
        return tenant, Auth0(base_url=f"{tenant.url}/api/v2", token=token)

    return opened


def test_the_sdk_reads_a_profile(open_sdk: Callable[..., tuple[Sandbox, Auth0]]) -> None:
    tenant, sdk = open_sdk()
    assert sdk.self_service_profiles.get(tenant.profile_id).id == tenant.profile_id


@pytest.mark.parametrize(
    ("settings", "name", "error"),
    [
        ({}, "a_b", BadRequestError),
        ({"connections": {"con_1": "acme"}}, "acme", ConflictError),
        ({"scopes": ("read:clients",)}, "acme", ForbiddenError),
        ({"faults": ({"kind": "rate_limit_storm"},)}, "acme", TooManyRequestsError),
        ({"faults": ({"kind": "error_before", "status": 503, "body": "html"},)}, "acme", ApiError),
    ],
)
def test_the_sdk_knows_each_error(
    open_sdk: Callable[..., tuple[Sandbox, Auth0]],
    settings: dict[str, Any],
    name: str,
    error: type[ApiError],
) -> None:
    tenant, sdk = open_sdk(**settings)
    with pytest.raises(error) as refused:
        sdk.self_service_profiles.sso_ticket.create(
            tenant.profile_id, connection_config=config(name), request_options=ONE_TRY
        )
    assert refused.value.status_code == tenant.requests[0].status


def test_the_sdks_blind_retry_of_a_lost_answer_makes_a_second_ticket(
    open_sdk: Callable[..., tuple[Sandbox, Auth0]],
) -> None:
    tenant, sdk = open_sdk()
    tenant.fault("error_after", count=1)
    sdk.self_service_profiles.sso_ticket.create(
        tenant.profile_id, connection_config=config("acme"), request_options={"max_retries": 1}
    )
    assert [ticket.connection_name for ticket in tenant.tickets] == ["acme", "acme"]
