"""The contract suite's client: its budget, its pace, its secrets, and the links that it revokes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import SecretStr

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.contract.client import (
    CONNECTION_NAME,
    HIDDEN,
    LINK_SECONDS,
    MAX_REQUESTS,
    BudgetSpentError,
    ContractClient,
    NoAnswerError,
    ticket_id_of,
)
from tests.contract.tenant import settings_for

NEW = {"connection_config": {"name": CONNECTION_NAME}}


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(latency=(0, 0), plan=Plan(size=1000, refill=1000))) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def waits() -> list[float]:
    """Return the seconds that the client has waited, without waiting."""
    return []


@pytest.fixture
def client(sandbox: Sandbox, waits: list[float]) -> Iterator[ContractClient]:
    with ContractClient(settings_for(sandbox), sleep=waits.append) as one:
        one.sign_in()
        yield one


def states(sandbox: Sandbox) -> list[str]:
    return [ticket.state for ticket in sandbox.tickets]


def test_every_link_lives_a_minute_and_is_revoked_at_the_end(sandbox: Sandbox) -> None:
    with ContractClient(settings_for(sandbox)) as client:
        client.sign_in()
        client.create(NEW)
        client.create({"connection_config": {"name": "other"}})
        assert [ticket.body["ttl_sec"] for ticket in sandbox.tickets] == [LINK_SECONDS] * 2
        assert states(sandbox) == ["live", "live"]
    assert states(sandbox) == ["revoked", "revoked"]
    assert (client.links, client.links_left) == (2, 0)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_links_are_revoked_after_a_failure_too(sandbox: Sandbox, error: type[BaseException]) -> None:
    def fail_with_a_link() -> None:
        with ContractClient(settings_for(sandbox)) as client:
            client.sign_in()
            client.create(NEW)
            raise error

    with pytest.raises(error):
        fail_with_a_link()
    assert states(sandbox) == ["revoked"]


def test_a_link_that_came_with_an_unexpected_status_is_revoked_too(
    sandbox: Sandbox, client: ContractClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = httpx.Client.request

    def answer_200(*args: object, **kwargs: object) -> httpx.Response:
        response = send(*args, **kwargs)  # type: ignore[arg-type]
        response.status_code = {201: 200}.get(response.status_code, response.status_code)
        return response

    monkeypatch.setattr(httpx.Client, "request", answer_200)
    assert client.create(NEW).status == 200
    client.close()
    assert states(sandbox) == ["revoked"]


def test_without_the_scope_nothing_is_revoked_and_the_links_are_counted() -> None:
    settings = SandboxSettings(latency=(0, 0), scopes=("create:sso_access_tickets",))
    with Sandbox(settings) as sandbox, ContractClient(settings_for(sandbox)) as client:
        client.sign_in()
        client.create(NEW)
        client.close()
        assert client.links_left == 1
        assert [seen.path.endswith("revoke") for seen in sandbox.requests] == [False]


def test_a_link_that_can_not_be_revoked_is_counted(sandbox: Sandbox, client: ContractClient) -> None:
    client.create(NEW)
    sandbox.fault("error_before", route="revoke", status=500)
    client.close()
    assert client.links_left == 1


def test_a_private_key_gets_a_token_in_place_of_the_secret() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with Sandbox(SandboxSettings(latency=(0, 0), client_secret="", public_keys=(public,))) as sandbox:
        settings = settings_for(sandbox).model_copy(update={"private_key": SecretStr(private)})
        with ContractClient(settings) as client:
            assert client.sign_in().status == 200


def test_no_more_than_the_budget_is_sent_and_what_revokes_the_links_is_kept_from_it(
    sandbox: Sandbox, client: ContractClient
) -> None:
    for _ in range(3):
        client.create(NEW)

    def read_until_refused() -> None:
        for _ in range(MAX_REQUESTS):
            client.read("connections")

    with pytest.raises(BudgetSpentError, match=f"the suite may send {MAX_REQUESTS} requests"):
        read_until_refused()
    assert client.requests == MAX_REQUESTS - 3
    client.close()
    assert states(sandbox) == ["revoked"] * 3
    seen = sandbox.stats()
    assert seen.requests + seen.token_requests == client.requests == MAX_REQUESTS


def test_a_link_is_not_made_if_no_request_would_be_left_to_revoke_it(client: ContractClient) -> None:
    while client.requests < MAX_REQUESTS - 1:
        client.read("connections")
    with pytest.raises(BudgetSpentError):
        client.create(NEW)
    assert client.links == 0


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{in_7}"}, 5, 8),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "{in_7}"}, 5, 8),
        ({"X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "{in_7}"}, 0, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}, 60, 60),
        ({"X-RateLimit-Remaining": None, "X-RateLimit-Reset": None}, 0.5, 0.5),
    ],
    ids=["none left", "one left", "enough left", "a reset that is far away", "no headers"],
)
def test_the_next_request_waits_until_the_bucket_has_enough(
    sandbox: Sandbox,
    client: ContractClient,
    waits: list[float],
    headers: dict[str, str | None],
    least: float,
    most: float,
) -> None:
    in_7 = str(int(time.time()) + 7)
    sandbox.fault(
        "headers", count=1, headers={name: value and value.format(in_7=in_7) for name, value in headers.items()}
    )
    client.read("connections")
    client.read("connections")
    assert least <= waits[-1] <= most


def test_a_429_is_repeated_after_the_seconds_of_retry_after(
    sandbox: Sandbox, client: ContractClient, waits: list[float]
) -> None:
    sandbox.fault("rate_limit_storm", count=1)
    sandbox.fault("headers", count=1, headers={"Retry-After": "9", "X-RateLimit-Reset": None})
    assert client.read("connections").status == 200
    assert waits[-1] == 9


def test_a_429_is_repeated_twice_at_most_and_each_counts(sandbox: Sandbox, client: ContractClient) -> None:
    sandbox.fault("rate_limit_storm", count=10)
    before = client.requests
    assert client.read("connections").status == 429
    assert client.requests - before == 3


def test_no_text_shows_a_secret_a_token_a_ticket_or_a_link(sandbox: Sandbox, client: ContractClient) -> None:
    link = client.create(NEW)
    url, ticket_id, token = link.body["ticket"], ticket_id_of(link), sandbox.access_tokens[-1]
    for secret in (url, ticket_id, token, client.settings.client_secret.get_secret_value(), f"{sandbox.url}/x"):
        assert client.hidden(f"before {secret} after") == f"before {HIDDEN} after"
    assert client.hidden("of another: " + "aB3" * 10 + "xy") == f"of another: {HIDDEN}"
    assert client.hidden("con_1, org_1, ssp_1") == "con_1, org_1, ssp_1"


def test_nothing_that_a_failed_test_shows_of_an_answer_has_a_link_or_a_token(
    sandbox: Sandbox, client: ContractClient
) -> None:
    link = client.create(NEW)
    shown = repr((link, link.body, client.token_answer, client.request_token().body, client, client.settings))
    secrets = (ticket_id_of(link), *sandbox.access_tokens, sandbox.client_secret)
    assert [secret in shown for secret in secrets] == [False] * len(secrets)


def test_an_error_of_the_tenant_is_shown_without_secrets(sandbox: Sandbox, client: ContractClient) -> None:
    said = f"{sandbox.client_secret} is wrong"
    sandbox.fault("error_before", status=400, message=said, error_code=sandbox.client_secret)
    refused = client.create(NEW)
    assert (refused.message(), refused.error["errorCode"]) == (f"{HIDDEN} is wrong", HIDDEN)


def test_a_request_without_an_answer_is_named_without_ids_and_without_the_request(
    sandbox: Sandbox, client: ContractClient
) -> None:
    link = client.create(NEW)
    sandbox.fault("drop_before", route="revoke")
    with pytest.raises(NoAnswerError) as caught:
        client.revoke(link)
    assert str(caught.value) == "POST …/sso-ticket/…/revoke has no answer: RemoteProtocolError."
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
