"""
What the mapped tasks of a planned run may do is sealed with Airflow's Fernet key.

They get references to batch files in an XCom, which users may write. Without the key, nobody can make a seal for
another file, or use that of another run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.encryption import Cipher
from auth0_sso.ledger.records import RunAttempt

_SEALED = ("batch", "sha256", "ledger_id")


def sealed(references: Iterable[Mapping[str, str]], run: RunAttempt, ledger_id: str) -> list[dict[str, str]]:
    """
    Return references to batch files with ``ledger_id`` and a ``seal``.

    :param references: ``label``, ``batch`` and ``sha256`` of each.
    :param run: the run whose tasks may use them.
    :raises LedgerError: if Airflow has no Fernet key.
    """
    cipher = Cipher()
    complete = [{**reference, "ledger_id": ledger_id} for reference in references]
    return [{**one, "seal": cipher.sign(_text(one, run))} for one in complete]


def require_seal(reference: Mapping[str, str], run: RunAttempt) -> None:
    """Check that a reference is one that the plan of this run has sealed; Auth0RunError if it is not."""
    if not Cipher().has_signed(_text(reference, run), str(reference.get("seal", ""))):
        raise Auth0RunError(
            "What this task is to do is not what was planned, so nothing of it is sent: the XCom of the task that "
            "plans the run was changed, or the Fernet key.",
            advice="Find out who has changed it. Then clear the task that plans the run and all that follows it.",
        )


def _text(reference: Mapping[str, str], run: RunAttempt) -> str:
    given = [str(reference.get(name, "")) for name in _SEALED]
    return json.dumps([run.run, run.run_after, *given])
