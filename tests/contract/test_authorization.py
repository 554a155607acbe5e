"""What a request without the right token gets. Source: the Management API's pages, which list statuses and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jwt
import pytest

from dev.sandbox.server import Sandbox
from tests.contract.client import CONNECTION_NAME, CREATE_SCOPE, Answer, ContractClient
from tests.contract.tenant import SANDBOX, Tenant, settings_for

UNAUTHORIZED = {"statusCode": 401, "error": "Unauthorized"}
FORGED = jwt.encode({"sub": "nobody"}, "0" * 32, algorithm="HS256")
READ_WITH = {
    "read:logs": "logs",
    "read:connections": "connections",
    "read:organization_connections": "organizations/org_0000000000000000/enabled_connections",
    "read:organization_discovery_domains": "organizations/org_0000000000000000/discovery-domains",
}


def ask(client: ContractClient, token: str | None) -> Answer:
    """Send a request for a link that can't be made."""
    return client.create({"unknown": 1}, token=token)


@pytest.fixture(scope="module")
def without_token(client: ContractClient) -> Answer:
    return ask(client, token=None)


@pytest.fixture(scope="module")
def forged(client: ContractClient) -> Answer:
    return ask(client, FORGED)


@pytest.fixture(scope="module")
def malformed(client: ContractClient) -> Answer:
    return ask(client, "two words")


def test_a_request_without_a_token_is_401(without_token: Answer) -> None:
    assert (without_token.status, without_token.error) == (401, UNAUTHORIZED)


@pytest.mark.assumption("the API's pages have no message for it")
def test_the_401_without_a_token_says_that_authentication_is_missing(without_token: Answer) -> None:
    assert without_token.message() == "Missing authentication"


def test_a_token_that_the_tenant_has_not_signed_is_401(forged: Answer) -> None:
    assert (forged.status, forged.error) == (401, UNAUTHORIZED)


@pytest.mark.assumption("the API's pages have several messages for a 401, and do not say which token gets which")
def test_the_401_of_a_token_that_the_tenant_has_not_signed_says_so(forged: Answer) -> None:
    assert forged.message() == "Invalid signature received for JSON Web Token validation."


@pytest.mark.assumption(
    'the API\'s pages say 401 "Invalid token", and people have seen a 400 for a token that is no JWT'
)
def test_a_token_that_is_no_jwt_is_401_invalid_token(client: ContractClient) -> None:
    refused = ask(client, "nonsense")
    assert (refused.status, refused.error, refused.message()) == (401, UNAUTHORIZED, "Invalid token")


@pytest.mark.assumption("it was seen, and is on none of the API's pages")
def test_an_authorization_header_of_another_form_is_400_bearer(malformed: Answer) -> None:
    shape = {"statusCode": 400, "error": "Bad Request", "errorCode": "Bearer"}
    assert (malformed.status, malformed.error) == (400, shape)


@pytest.fixture(scope="module")
def without_scope(tenant: Tenant) -> Iterator[tuple[str, Answer]]:
    """Return a scope that a token lacks, and the answer to a request that needs it."""
    if tenant.sandbox is None:
        missing = next((scope for scope in READ_WITH if scope not in tenant.client.scopes), None)
        if missing is None:
            pytest.skip("the application has every scope that the suite could miss")
        yield missing, tenant.client.read(READ_WITH[missing])
        return
    settings = SANDBOX.model_copy(update={"scopes": ("read:logs",)})
    with Sandbox(settings) as sandbox, ContractClient(settings_for(sandbox), pause=0) as stranger:
        stranger.sign_in()
        yield CREATE_SCOPE, stranger.create({"connection_config": {"name": CONNECTION_NAME}})


def test_a_token_without_the_scope_is_403_insufficient_scope(without_scope: tuple[str, Answer]) -> None:
    _, refused = without_scope
    shape = {"statusCode": 403, "error": "Forbidden", "errorCode": "insufficient_scope"}
    assert (refused.status, refused.error) == (403, shape)


def test_the_403_names_the_scope(without_scope: tuple[str, Answer]) -> None:
    scope, refused = without_scope
    named = re.split(r"[\s,;.]+", refused.message())
    assert {"names the scope": scope in named} == {"names the scope": True}
