"""
``python -m dev.local.env``: write ``.env`` with new secrets, for docker compose; needs only Python itself.

It makes the folder ``data`` too. A missing one would be made by the Docker daemon and belong to root.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
# The user of Airflow's official image, which root can't run.
_AIRFLOW_UID = 50000


def fill_in(example: str, uid: int) -> str:
    """Fill in the settings that are empty in the text of ``.env.example`` and must not be."""
    values = {
        "AIRFLOW_UID": str(uid or _AIRFLOW_UID),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "SSO_TICKETS_DB_PASSWORD": secrets.token_hex(16),
        "REDIS_PASSWORD": secrets.token_hex(16),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_urlsafe(16),
    }
    lines = []
    for line in example.splitlines():
        name = line.partition("=")[0]
        lines.append(f"{name}={values.pop(name)}" if name in values else line)
    if values:
        raise ValueError(f".env.example has no line for {', '.join(values)}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write it, unless there is one; return the exit code."""
    (_PROJECT / "data").mkdir(mode=0o750, exist_ok=True)
    target = _PROJECT / ".env"
    if target.exists():
        print(".env exists already and is not changed: its secrets can't be generated again.")
        return 1
    text = fill_in((_PROJECT / ".env.example").read_text(encoding="utf-8"), os.getuid())
    target.touch(mode=0o600)
    target.write_text(text, encoding="utf-8")
    password = next(line for line in text.splitlines() if line.startswith("AIRFLOW_ADMIN_PASSWORD=")).partition("=")[2]
    print(f"Wrote .env. Airflow's login will be: admin / {password}")
    print("Next: docker compose up -d --build --wait --wait-timeout 420")
    print("Your CSVs belong into ./data. 'docker compose down' keeps the ledger, 'down -v' deletes it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
