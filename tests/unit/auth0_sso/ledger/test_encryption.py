"""What opens a ticket or the tenant is kept encrypted with Airflow's Fernet key."""

from __future__ import annotations

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.encryption import PLAINTEXT_VARIABLE, Cipher, _warn_of_plaintext
from cryptography.fernet import Fernet

from tests.support import databases


def test_a_secret_is_unreadable_when_locked_and_comes_back_whole() -> None:
    encrypted = Cipher().encrypt("https://acme.example.com/?ticket=abc")
    assert "acme" not in encrypted
    assert Cipher().decrypt(encrypted) == "https://acme.example.com/?ticket=abc"


def test_another_key_can_not_unlock_and_the_error_names_the_remedy() -> None:
    encrypted = Cipher().encrypt("secret")
    databases.use_fernet_key(Fernet.generate_key().decode())
    with pytest.raises(LedgerError, match=r"another Fernet key.*Keep the old key after the new one") as raised:
        Cipher().decrypt(encrypted)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_after_a_rotation_the_old_key_still_unlocks_and_the_new_one_locks(fernet: str) -> None:
    encrypted = Cipher().encrypt("secret")
    new = Fernet.generate_key().decode()
    databases.use_fernet_key(f"{new},{fernet}")
    assert Cipher().decrypt(encrypted) == "secret"
    locked_anew = Cipher().encrypt("secret")
    databases.use_fernet_key(new)
    assert Cipher().decrypt(locked_anew) == "secret"


def test_without_a_fernet_key_nothing_is_kept_and_the_refusal_names_both_ways_out() -> None:
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match=f"Set AIRFLOW__CORE__FERNET_KEY.*{PLAINTEXT_VARIABLE}=true"):
        Cipher()


@pytest.mark.parametrize("said", ["", "false", "0", "no", "ture"])
def test_only_a_clear_yes_lets_secrets_be_kept_readable(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    databases.use_fernet_key("")
    monkeypatch.setenv(PLAINTEXT_VARIABLE, said)
    with pytest.raises(LedgerError, match="no Fernet key"):
        Cipher()


@pytest.fixture
def plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let secrets be kept readable, in a process that has not yet warned of it."""
    monkeypatch.setenv(PLAINTEXT_VARIABLE, "true")
    _warn_of_plaintext.cache_clear()


def test_when_allowed_secrets_are_kept_readable_and_a_task_is_warned_once(
    plaintext: None, capsys: pytest.CaptureFixture[str]
) -> None:
    databases.use_fernet_key("")
    assert (
        Cipher().decrypt(Cipher().encrypt("https://acme.example.com/?ticket=abc"))
        == "https://acme.example.com/?ticket=abc"
    )
    assert "acme.example.com/?ticket=abc" in Cipher().encrypt("https://acme.example.com/?ticket=abc")
    assert capsys.readouterr().out.count("the ledger keeps ticket URLs and access tokens readable") == 1


def test_with_a_key_nothing_is_kept_readable_whatever_is_allowed(
    plaintext: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "secret" not in Cipher().encrypt("secret")
    assert capsys.readouterr().out == ""


def test_what_was_kept_readable_is_read_when_there_is_a_key(plaintext: None, fernet: str) -> None:
    databases.use_fernet_key("")
    decrypted = Cipher().encrypt("secret")
    databases.use_fernet_key(fernet)
    assert Cipher().decrypt(decrypted) == "secret"


def test_without_the_key_what_is_locked_is_not_mistaken_for_a_secret(plaintext: None) -> None:
    encrypted = Cipher().encrypt("secret")
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match=r"was encrypted with a Fernet key, and Airflow has none now.*to it again"):
        Cipher().decrypt(encrypted)


def test_what_is_locked_says_with_which_key_but_not_the_key(fernet: str) -> None:
    encrypted = Cipher().encrypt("secret")
    assert encrypted.startswith(Cipher().mark)
    assert fernet not in encrypted
    databases.use_fernet_key(f"{Fernet.generate_key().decode()},{fernet}")
    assert not encrypted.startswith(Cipher().mark)


def test_what_is_locked_without_saying_with_which_key_is_unlocked_too(fernet: str) -> None:
    assert Cipher().decrypt(Fernet(fernet).encrypt(b"secret").decode()) == "secret"


@pytest.mark.parametrize("keys", ["short", "{key},"])
def test_a_malformed_key_is_said_to_be_so_and_not_shown(keys: str, fernet: str) -> None:
    databases.use_fernet_key(keys.format(key=fernet))
    with pytest.raises(LedgerError, match=r"FERNET_KEY is malformed.*32 bytes in URL-safe base64") as raised:
        Cipher()
    assert fernet not in str(raised.value)
