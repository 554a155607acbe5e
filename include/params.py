"""The parameters of the DAGs, as the trigger form shows them; a scheduled run uses the defaults."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from include.create_tickets import DEFAULT_PROSPECTS
from include.prospects.schema.models import MAX_TTL_SEC
from include.run import DEFAULT_REPORTS

_PROFILE_ID = r"^[A-Za-z0-9_-]{0,255}$"
_NOT_BLANK = r"\S"
# One id a line, with or without white space around it; a line may be empty.
_ORGANIZATION_ID_LINE = r"^\s*[A-Za-z0-9_-]*\s*$"


class UnknownParameterError(ValueError):
    """The run's configuration has a name that the DAG has no parameter for."""


def require_known(given: Collection[str], known: Collection[str]) -> None:
    """Check the names in a run's configuration: Airflow accepts any, and ``dryrun`` would send requests."""
    for name in sorted(set(given) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean '{nearest[0]}'?" if nearest else "."
        raise UnknownParameterError(
            f"The run's configuration has '{name}', which is no parameter{hint} "
            f"Trigger another run; the parameters are {', '.join(known)}."
        )


def require_mappable(max_mapped_tasks: int, longest: int) -> None:
    """Check the parameter before anything is sent: Airflow refuses to map more tasks than ``longest``."""
    if max_mapped_tasks > longest:
        raise ValueError(
            f"max_mapped_tasks is {max_mapped_tasks}, but Airflow maps at most {longest} tasks. "
            f"Lower max_mapped_tasks to {longest} or less, or raise [core] max_map_length."
        )


def _flag(title: str, description: str) -> dict[str, Any]:
    return {"default": False, "type": "boolean", "title": title, "description": description}


def _max_mapped_tasks(default: int, items: str) -> dict[str, Any]:
    text = f"With more {items} than this, several share a task, evenly."
    return {"default": default, "type": "integer", "minimum": 1, "title": "Most mapped tasks", "description": text}


_DRY_RUN = _flag("Dry run", "Do everything except the requests to Auth0.")

CREATE_PARAMS: dict[str, dict[str, Any]] = {
    "prospects_uri": {
        "default": DEFAULT_PROSPECTS,
        "type": "string",
        "title": "Prospects",
        "description": "Path or URI of the CSV or of a folder of CSVs, local or in object storage.",
    },
    "prospects_csv": {
        "default": "",
        "type": ["string", "null"],
        "format": "multiline",
        "title": "Prospects, pasted",
        "description": "A CSV pasted here is used instead of the path above.",
    },
    "profile_id": {
        "default": "",
        "type": ["string", "null"],
        "pattern": _PROFILE_ID,
        "title": "Self-service profile",
        "description": "ssp_…, for rows without one. Empty: the profile of the connection.",
    },
    "ttl_sec": {
        "default": 0,
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_TTL_SEC,
        "title": "Lifetime in seconds",
        "description": "A link must be opened within this time; for rows that set none. 0: Auth0's default, five days.",
    },
    "on_existing": {
        "default": "reuse",
        "type": "string",
        "enum": ["reuse", "reissue"],
        "values_display": {"reuse": "Reuse it", "reissue": "Revoke it and issue another"},
        "title": "If a prospect has a valid link",
        "description": "on_existing: reuse or reissue. A prospect never has two valid links.",
    },
    "on_invalid_rows": {
        "default": "skip",
        "type": "string",
        "enum": ["skip", "fail"],
        "values_display": {"skip": "Skip them into the report", "fail": "Fail before anything is sent"},
        "title": "If rows are invalid",
        "description": "on_invalid_rows: skip or fail. The report lists them in both cases.",
    },
    "max_mapped_tasks": _max_mapped_tasks(128, "organizations"),
    "require_approval": _flag("Wait for approval", "A person approves the plan before anything is sent."),
    "dry_run": _DRY_RUN,
    "report_uri": {
        "default": DEFAULT_REPORTS,
        "type": "string",
        "pattern": _NOT_BLANK,
        "title": "Reports",
        "description": "Folder for the run's report, local or in object storage.",
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
        "description": "One organization id a line; in addition to the run above.",
    },
    "all_live": _flag("All tickets", "Every valid ticket in the ledger, of all organizations."),
    "max_mapped_tasks": _max_mapped_tasks(16, "tickets"),
    "dry_run": _DRY_RUN,
    "export_uri": {
        "default": DEFAULT_REPORTS,
        "type": "string",
        "pattern": _NOT_BLANK,
        "title": "Reports",
        "description": "Folder for this run's own report.",
    },
}
"""The parameters of the DAG that revokes tickets: for each the arguments of Airflow's ``Param``."""

APPROVAL = {
    "subject": "{% set found = ti.xcom_pull('load_prospects') %}Create SSO tickets? Prospects: {{ found.valid }}, "
    "organizations: {{ found.organizations }}, invalid rows: {{ found.invalid }}.",
    "body": """
{%- if params.get('dry_run') -%}
This is a dry run: nothing is sent, whatever you choose.
{%- elif params.get('on_existing') == 'reissue' -%}
**Approve**: valid links are revoked and created again.
{%- else -%}
**Approve**: valid links are reused, the others are created.
{%- endif %}

**Reject**: nothing is sent, the report shows the rows as not attempted, and the run fails.
""",
}
"""The question of the task ``approve``: templates, the body in Markdown."""
