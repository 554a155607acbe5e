"""``make env``: settings for docker compose with new secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dev.local import env
from dev.local.env import fill_in

EXAMPLE = (Path(__file__).parents[4] / ".env.example").read_text(encoding="utf-8")


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_required_secrets_are_new_each_time() -> None:
    first, second = settings(fill_in(EXAMPLE, 1000)), settings(fill_in(EXAMPLE, 1000))
    empty = {name for name, value in settings(EXAMPLE).items() if not value}
    secret = {name for name in empty if not name.startswith("SSO_TICKETS_") or "PASSWORD" in name}
    assert len(secret) == 7
    assert all(first[name] and first[name] != second[name] for name in secret)
    Fernet(first["AIRFLOW__CORE__FERNET_KEY"])


@pytest.mark.parametrize(("uid", "written"), [(1000, "1000"), (0, "50000")])
def test_the_containers_run_as_the_user_but_never_as_root(uid: int, written: str) -> None:
    assert settings(fill_in(EXAMPLE, uid))["AIRFLOW_UID"] == written


def test_it_is_written_once_for_its_owner_alone_beside_a_folder_for_csvs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.setattr(env, "_PROJECT", tmp_path)
    assert env.main() == 0
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    assert settings(written)["AIRFLOW_ADMIN_PASSWORD"] in capsys.readouterr().out
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o007 == 0
    assert env.main() == 1
    assert (tmp_path / ".env").read_text(encoding="utf-8") == written
