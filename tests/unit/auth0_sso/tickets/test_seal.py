"""A mapped task does only what its run has planned, whoever writes its XCom."""

from __future__ import annotations

from dataclasses import replace

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.tickets.seal import require_seal, sealed
from cryptography.fernet import Fernet

from tests.support import databases
from tests.support.factories import FIRST_RUN, SECOND_RUN

REFERENCE = {"label": "Acme", "batch": "s3://bucket/run/plan/batch-0001.json", "sha256": "5a" * 32}


def test_what_the_run_has_planned_is_taken_by_each_of_its_tries() -> None:
    (one,) = sealed([REFERENCE], FIRST_RUN, "ledger-1")
    assert {**one, "seal": ""} == {**REFERENCE, "ledger_id": "ledger-1", "seal": ""}
    require_seal(one, FIRST_RUN)
    require_seal(one, replace(FIRST_RUN, number=7))
    require_seal({**one, "label": "another label"}, FIRST_RUN)


@pytest.mark.parametrize(
    "change", [{"batch": "/uploads/x.csv"}, {"sha256": ""}, {"ledger_id": ""}, {"seal": ""}, {"seal": "é"}]
)
def test_what_somebody_has_changed_is_not(change: dict[str, str]) -> None:
    (one,) = sealed([REFERENCE], FIRST_RUN, "ledger-1")
    with pytest.raises(Auth0RunError, match="not what was planned, so nothing of it is sent"):
        require_seal({**one, **change}, FIRST_RUN)


def test_nor_is_what_another_run_has_planned() -> None:
    (one,) = sealed([REFERENCE], FIRST_RUN, "ledger-1")
    with pytest.raises(Auth0RunError, match="not what was planned"):
        require_seal(one, SECOND_RUN)


def test_a_new_fernet_key_keeps_the_seals_of_the_old_one(fernet: str) -> None:
    (one,) = sealed([REFERENCE], FIRST_RUN, "ledger-1")
    databases.use_fernet_key(f"{Fernet.generate_key().decode()},{fernet}")
    require_seal(one, FIRST_RUN)
    databases.use_fernet_key(Fernet.generate_key().decode())
    with pytest.raises(Auth0RunError, match="or the Fernet key"):
        require_seal(one, FIRST_RUN)
