"""The parameters of the DAGs, as the trigger form shows them; every default serves a scheduled run."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from include.create_tickets import DEFAULT_PROSPECTS
from include.run import DEFAULT_REPORTS

_MAX_TTL = 432_000
_PROFILE_ID = r"^[A-Za-z0-9_-]{0,255}$"
_NOT_BLANK = r"\S"
# An id may have white space around it, and a line may be empty; two ids on one line are none.
_ORGANIZATION_ID_LINE = r"^\s*[A-Za-z0-9_-]*\s*$"


class UnknownParameterError(ValueError):
    """The run's configuration has a name that is no parameter of the DAG."""


def require_known(given: Collection[str], known: Collection[str]) -> None:
    """
    Check the names in a run's configuration: Airflow takes any, and a ``dryrun`` would be a run in earnest.

    :param given: the names of the parameters that the run has.
    :param known: the names of those that the DAG has.
    :raises UnknownParameterError: for the first that the DAG does not know.
    """
    for name in sorted(set(given) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean '{nearest[0]}'?" if nearest else "."
        raise UnknownParameterError(
            f"The run's configuration has '{name}', which is no parameter{hint} "
            f"Trigger another run; the parameters are {', '.join(known)}."
        )


CREATE_PARAMS: dict[str, dict[str, Any]] = {
    "prospects_uri": {
        "default": DEFAULT_PROSPECTS,
        "type": "string",
        "title": "Prospects",
        "description": "Path or URI of the CSV, or of a folder of CSVs; object storage too.",
    },
    "prospects_csv": {
        "default": "",
        "type": ["string", "null"],
        "format": "multiline",
        "title": "Prospects, pasted",
        "description": "A CSV pasted here wins over the path above.",
    },
    "profile_id": {
        "default": "",
        "type": ["string", "null"],
        "pattern": _PROFILE_ID,
        "title": "Self-service profile",
        "description": "ssp_…, for rows that name none; empty: the connection's.",
    },
    "ttl_sec": {
        "default": 0,
        "type": "integer",
        "minimum": 0,
        "maximum": _MAX_TTL,
        "title": "Lifetime in seconds",
        "description": "Until a link is first opened, for rows that set none; 0 is Auth0's default, five days.",
    },
    "on_existing": {
        "default": "reuse",
        "type": "string",
        "enum": ["reuse", "reissue"],
        "values_display": {"reuse": "Reuse it", "reissue": "Revoke it and issue another"},
        "title": "If a link still lives",
        "description": "Never two live links for a prospect; on_existing, reuse or reissue.",
    },
    "on_invalid_rows": {
        "default": "skip",
        "type": "string",
        "enum": ["skip", "fail"],
        "values_display": {"skip": "Skip them into the report", "fail": "Fail before anything is sent"},
        "title": "If rows are invalid",
        "description": "Either way they are listed; on_invalid_rows, skip or fail.",
    },
    "max_mapped_tasks": {
        "default": 128,
        "type": "integer",
        "minimum": 1,
        "title": "Mapped tasks at most",
        "description": "With more organizations than this, a task takes several, evenly.",
    },
    "require_approval": {
        "default": False,
        "type": "boolean",
        "title": "Wait for approval",
        "description": "A person approves the plan before anything is sent.",
    },
    "dry_run": {
        "default": False,
        "type": "boolean",
        "title": "Dry run",
        "description": "Everything but the calls.",
    },
    "report_uri": {
        "default": DEFAULT_REPORTS,
        "type": "string",
        "pattern": _NOT_BLANK,
        "title": "Reports",
        "description": "Folder for the run's report; local or object storage.",
    },
}
"""The parameters of the DAG that creates tickets: for each the arguments of Airflow's ``Param``."""


REVOKE_PARAMS: dict[str, dict[str, Any]] = {
    "report_uri": {
        "default": "",
        "type": ["string", "null"],
        "title": "Tickets of a run",
        "description": "The folder of that run's report, or its tickets.csv.",
    },
    "organization_ids": {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": _ORGANIZATION_ID_LINE},
        "title": "Tickets of organizations",
        "description": "One organization id a line; added to those of the run above.",
    },
    "all_live": {
        "default": False,
        "type": "boolean",
        "title": "All tickets",
        "description": "Every live ticket that the ledger knows, of all organizations.",
    },
    "max_mapped_tasks": {
        "default": 16,
        "type": "integer",
        "minimum": 1,
        "title": "Mapped tasks at most",
        "description": "With more tickets than this, a task takes several, evenly.",
    },
    "dry_run": {
        "default": False,
        "type": "boolean",
        "title": "Dry run",
        "description": "Everything but the calls.",
    },
    "export_uri": {
        "default": DEFAULT_REPORTS,
        "type": "string",
        "pattern": _NOT_BLANK,
        "title": "Reports",
        "description": "Folder for this run's own report.",
    },
}
"""The parameters of the DAG that revokes tickets: for each the arguments of Airflow's ``Param``."""
