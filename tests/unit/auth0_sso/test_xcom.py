"""The XCom backend encrypts ticket URLs, and changes nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases.xcom import BaseXCom
from auth0_sso.exceptions import LedgerError
from auth0_sso.xcom import EncryptedTicketsXCom, decrypted
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from tests.support import databases

URL = "https://login.acme.example/self-service/connections-flow?ticket=readableTicketId1"
ID = "readableTicketId1"
OUTCOME = {"row": 1, "organization_id": "org_1", "status": "created", "ticket_url": URL, "ticket_id": ID, "error": ""}
PLANNED = {**OUTCOME, "status": "planned", "ticket_url": "", "ticket_id": ""}
PUSHED = [{"organization_id": "org_1", "organization_name": "Acme", "tickets": [OUTCOME, PLANNED]}]


@dataclass
class Ticket:
    """What a task of another DAG may push."""

    ticket_url: str
    ticket_id: str


def stored(value: Any) -> Any:
    """Return what is kept in Airflow's database."""
    return json.loads(json.dumps(EncryptedTicketsXCom.serialize_value(value, key="return_value", task_id="t")))


def pulled(value: Any) -> Any:
    """Return what a task pulls."""
    return EncryptedTicketsXCom.deserialize_value(SimpleNamespace(value=value))


@pytest.mark.parametrize(
    "value",
    [
        PUSHED,
        OUTCOME,
        (OUTCOME, {"deep": [[OUTCOME]]}),
        {"ticket_url": "https://links.acme.example/t/readableTicketId1", "ticket_id": ID},
        URL,
        [URL],
        {"body": f"Dear admin, here is your link: {URL}"},
    ],
    ids=["results", "outcome", "nested", "unusual link", "bare link", "links", "link in a text"],
)
def test_a_ticket_is_encrypted_in_the_database_and_a_task_pulls_what_was_pushed(value: Any) -> None:
    kept = stored(value)
    assert ID not in json.dumps(kept)
    assert "acme.example" not in json.dumps(kept)
    assert pulled(kept) == value


def test_a_ticket_in_a_dataclass_is_encrypted() -> None:
    kept = stored(Ticket(URL, ID))
    assert ID not in json.dumps(kept)
    assert decrypted(kept)["__data__"] == {"ticket_url": URL, "ticket_id": ID}


def test_everything_but_tickets_stays_readable_for_the_ui() -> None:
    kept = stored(PUSHED)[0]
    outcome, planned = kept["tickets"]
    assert kept["organization_name"] == "Acme"
    assert planned == PLANNED
    assert {name for name in OUTCOME if outcome[name] != OUTCOME[name]} == {"ticket_url", "ticket_id"}
    assert outcome["ticket_url"].startswith("encrypted:")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("encrypted:no"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "ticket_id"]), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_values_without_tickets_pass_unchanged(value: Any) -> None:
    assert EncryptedTicketsXCom.serialize_value(value) == BaseXCom.serialize_value(value)
    assert pulled(stored(value)) == value


def test_tickets_are_read_that_were_pushed_before_the_backend_was_set_or_after_it_was_removed() -> None:
    assert pulled(BaseXCom.serialize_value(PUSHED)) == PUSHED
    kept = BaseXCom.deserialize_value(SimpleNamespace(value=stored(PUSHED)))
    assert decrypted([*kept, *PUSHED]) == PUSHED * 2


def test_an_encrypted_ticket_is_not_encrypted_again() -> None:
    once = stored(PUSHED)
    assert stored(once) == once


def test_after_a_rotation_tickets_are_read_with_the_old_key_and_refused_without_it(fernet: str) -> None:
    kept = stored(PUSHED)
    new = Fernet.generate_key().decode()
    databases.use_fernet_key(f"{new},{fernet}")
    assert pulled(kept) == PUSHED
    databases.use_fernet_key(new)
    with pytest.raises(LedgerError, match=r"encrypted with another Fernet key\. Keep the old key"):
        pulled(kept)


def test_a_name_that_only_looks_encrypted_is_left_as_it_is() -> None:
    value = [{"prospect_name": f"encrypted:gAAAA{'x' * 60}", "ticket_url": ""}]
    assert pulled(stored(value)) == value


def test_without_a_key_a_ticket_is_refused_and_other_values_are_not() -> None:
    databases.use_fernet_key("")
    assert pulled(stored({"rows": 12})) == {"rows": 12}
    with pytest.raises(LedgerError, match="Airflow has no Fernet key") as raised:
        stored(PUSHED)
    assert ID not in str(raised.value)
