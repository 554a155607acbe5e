"""
The name of this Airflow.

Two Airflows that share a ledger may have runs of the same id at the same time; this name tells which is which.
"""

from __future__ import annotations

INSTALLATION_VARIABLE = "sso_tickets_installation"


def read_installation() -> str:
    """Return, in a task, this Airflow's name; empty if no scheduler has published one."""
    from airflow.sdk import Variable

    return str(Variable.get(INSTALLATION_VARIABLE, default=""))
