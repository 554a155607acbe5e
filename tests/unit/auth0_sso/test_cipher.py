"""What opens a ticket or the tenant is kept encrypted with Airflow's Fernet key."""

from __future__ import annotations

import pytest
from auth0_sso.cipher import Cipher
from auth0_sso.errors import LedgerError
from cryptography.fernet import Fernet

from tests.unit.auth0_sso import databases


def test_a_secret_is_unreadable_when_locked_and_comes_back_whole() -> None:
    locked = Cipher().lock("https://acme.example.com/?ticket=abc")
    assert "acme" not in locked
    assert Cipher().unlock(locked) == "https://acme.example.com/?ticket=abc"


def test_another_key_can_not_unlock_and_the_error_names_the_remedy() -> None:
    locked = Cipher().lock("secret")
    databases.use_fernet_key(Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match=r"another Fernet key.*Keep the old key after the new one") as raised:
        Cipher().unlock(locked)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_after_a_rotation_the_old_key_still_unlocks_and_the_new_one_locks(fernet: str) -> None:
    locked = Cipher().lock("secret")
    new = Fernet.generate_key().decode()
    databases.use_fernet_key(f"{new},{fernet}")
    assert Cipher().unlock(locked) == "secret"
    locked_anew = Cipher().lock("secret")
    databases.use_fernet_key(new)
    assert Cipher().unlock(locked_anew) == "secret"


def test_without_a_fernet_key_nothing_is_kept_at_all() -> None:
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match="Set AIRFLOW__CORE__FERNET_KEY"):
        Cipher()
