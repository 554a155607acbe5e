"""``POST /oauth/token``. Source: Auth0 Authentication API, "Client Credentials Flow"."""

from __future__ import annotations

import pytest

from tests.contract.client import Answer, ContractClient, ContractError
from tests.contract.facts import kinds


@pytest.fixture(scope="module")
def token(client: ContractClient) -> Answer:
    if client.token_answer is None:
        raise ContractError("The suite has requested no token.")
    return client.token_answer


def test_a_token_comes_with_its_type_its_lifetime_and_its_scopes(token: Answer) -> None:
    fields = {"access_token": "text", "expires_in": "number", "scope": "text", "token_type": "text"}
    assert (token.status, kinds(token.body, fields)) == (200, fields)


def test_a_token_is_a_bearer_token(token: Answer) -> None:
    assert token.body.get("token_type") == "Bearer"


def test_a_wrong_client_secret_is_401_access_denied_with_a_description(client: ContractClient) -> None:
    if client.settings.private_key.get_secret_value():
        pytest.skip("the application has a key in place of a client secret")
    refused = client.request_token(client_secret="wrong")
    shape = {"error": "text", "error_description": "text"}
    assert (refused.status, refused.error, kinds(refused.body)) == (401, {"error": "access_denied"}, shape)
