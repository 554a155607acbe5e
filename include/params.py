"""The parameters of the DAGs, as the trigger form shows them; a scheduled run uses the defaults."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from auth0_sso.models import MAX_TTL_SEC, nearest

from include.create_tickets import DEFAULT_PROSPECTS
from include.folders import DEFAULT_REPORTS
from include.prospects.table.options import ENCODINGS, ON_UNKNOWN_COLUMNS

_PROFILE_ID = r"^[A-Za-z0-9_-]{0,255}$"
_NOT_BLANK = r"\S"
# One id a line, with or without white space around it; a line may be empty.
_ORGANIZATION_ID_LINE = r"^\s*[A-Za-z0-9_-]*\s*$"
_CLIENT_ID_LINE = r"^\s*[!-~]*\s*$"


class UnknownParameterError(ValueError):
    """The run's configuration has a name that the DAG has no parameter for."""


def require_known(given: Collection[str], known: Collection[str]) -> None:
    """Check the names in a run's configuration: Airflow accepts any, and ``dryrun`` would send requests."""
    for name in sorted(set(given) - set(known)):
        meant = nearest(name, known)
        hint = f": did you mean '{meant}'?" if meant else "."
        raise UnknownParameterError(
            f"The run's configuration has '{name}', which is no parameter{hint} "
            f"Trigger another run; the parameters are {', '.join(known)}."
        )


_PROSPECTS, _LINKS, _SAFETY, _READING, _ADVANCED = (
    {"section": name} for name in ("Prospects", "Links", "Safety", "Reading the file", "Advanced")
)
# The form shows description_md only where there is no description. A path without a leading slash starts at Airflow.
_COLUMNS = "[All columns](sso-tickets/columns)"
_SELF_SERVICE_SSO = "https://auth0.com/docs/authenticate/enterprise-connections/self-service-SSO"


def _flag(title: str, description: str) -> dict[str, Any]:
    return {"default": False, "type": "boolean", "title": title, "description": description}


def _max_mapped_tasks(items: str) -> dict[str, Any]:
    text = f"With more {items} than this, several share a task, evenly. Empty: chosen from the plan and the pool."
    kind = {"default": None, "type": ["integer", "null"], "minimum": 1}
    return {**kind, **_ADVANCED, "title": "Most mapped tasks", "description": text}


def _folder(description: str) -> dict[str, Any]:
    examples = ["reports", "s3://aws_default@my-bucket/sso-reports"]
    kind = {"default": DEFAULT_REPORTS, "type": "string", "pattern": _NOT_BLANK, "examples": examples}
    return {**kind, **_ADVANCED, "title": "Folder of reports", "description": description}


_DRY_RUN = {**_flag("Dry run", "Do everything except the requests to Auth0."), **_SAFETY}

CREATE_PARAMS: dict[str, dict[str, Any]] = {
    "prospects_uri": {
        "default": DEFAULT_PROSPECTS,
        "type": "string",
        "title": "CSV or workbook",
        "description_md": f"Path or URI of a CSV or a workbook (.xlsx), or of a folder of them. {_COLUMNS}.",
        "examples": [DEFAULT_PROSPECTS, "s3://aws_default@my-bucket/prospects/"],
        **_PROSPECTS,
    },
    "prospects_csv": {
        "default": "",
        "type": ["string", "null"],
        "format": "multiline",
        "title": "Or a pasted CSV",
        "description_md": "Used instead of the file. The first line names the columns, for example "
        f"`organization_id,organization_name,prospect_email,domains`. {_COLUMNS}.",
        **_PROSPECTS,
    },
    "on_existing": {
        "default": "reuse",
        "type": "string",
        "enum": ["reuse", "reissue"],
        "values_display": {"reuse": "Reuse it", "reissue": "Revoke it and issue another"},
        "title": "If a prospect has a valid link",
        "description": "on_existing: reuse or reissue. A prospect never has two valid links.",
        **_LINKS,
    },
    "on_conflict": {
        "default": "report",
        "type": "string",
        "enum": ["report", "edit"],
        "values_display": {"report": "Report it", "edit": "Create a link to finish it"},
        "title": "If a connection exists that is not enabled",
        "description": "on_conflict: report or edit. It needs follow_sso_setups, which finds out about connections.",
        **_LINKS,
    },
    "one_link_per_connection": {
        **_flag(
            "One link per connection",
            "Another prospect's valid link for the same connection is revoked first, such as that of a corrected "
            "address. Of two prospects in the file for one connection, the later row is invalid.",
        ),
        **_LINKS,
    },
    "ttl_sec": {
        "default": 0,
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_TTL_SEC,
        "title": "Lifetime in seconds",
        "description": "A link must be opened within this time; for rows that set none. 86400 is a day. "
        "0: Auth0's default, five days, which is also the most.",
        **_LINKS,
    },
    "profile_id": {
        "default": "",
        "type": ["string", "null"],
        "pattern": _PROFILE_ID,
        "title": "Self-service profile",
        "description_md": "`ssp_…`, for rows without one. Empty: the profile of the connection. "
        f"[Self-Service Enterprise Configuration in Auth0]({_SELF_SERVICE_SSO}).",
        **_LINKS,
    },
    "enabled_clients": {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": _CLIENT_ID_LINE},
        "title": "Enabled clients",
        "description": "One client id a line, for rows that set none. Empty: those of the connection. Without one, "
        "Auth0 shows the customer no Enable Connection button.",
        **_LINKS,
    },
    "dry_run": _DRY_RUN,
    "require_approval": {
        **_flag("Wait for approval", "A person approves the plan before anything is sent."),
        **_SAFETY,
    },
    "replace_limit": {
        "default": 10,
        "type": ["integer", "null"],
        "minimum": 0,
        "title": "Most valid links to replace",
        "description": "If the rows have changed of more valid links than this, nothing is sent, or a person is asked "
        "if the run waits for approval. Not with reissue. Empty: no limit.",
        **_SAFETY,
    },
    "on_invalid_rows": {
        "default": "skip",
        "type": "string",
        "enum": ["skip", "fail"],
        "values_display": {"skip": "Skip them into the report", "fail": "Fail before anything is sent"},
        "title": "If rows are invalid",
        "description": "on_invalid_rows: skip or fail. The report lists them in both cases.",
        **_SAFETY,
    },
    "columns": {
        "default": {},
        "type": ["object", "null"],
        "additionalProperties": {"type": "string"},
        "title": "Columns of the file",
        "description_md": 'Which column of the file is which: `{"Account name": "organization_name", "Fax": ""}`; '
        f'`""` leaves one out. Not needed for files whose columns have our names. {_COLUMNS}.',
        **_READING,
    },
    "on_unknown_columns": {
        "default": "fail",
        "type": "string",
        "enum": [*ON_UNKNOWN_COLUMNS],
        "values_display": {"fail": "Fail before anything is sent", "ignore": "Leave them out"},
        "title": "If the file has other columns",
        "description": "on_unknown_columns: fail or ignore.",
        **_READING,
    },
    "sheet": {
        "default": "",
        "type": ["string", "null"],
        "title": "Sheet of a workbook",
        "description": "Empty: the visible one named Prospects, else the only visible one.",
        **_READING,
    },
    "encoding": {
        "default": "utf-8",
        "type": "string",
        "enum": [*ENCODINGS],
        "values_display": {"utf-8": "UTF-8", "windows-1252": "Windows-1252"},
        "title": "Encoding of a CSV",
        "description": "encoding: utf-8 or windows-1252. A byte order mark, also of UTF-16, is recognized by itself.",
        **_READING,
    },
    "max_mapped_tasks": _max_mapped_tasks("organizations"),
    "report_uri": _folder("Where the run's report is written, local or in object storage."),
}
"""The parameters of the DAG that creates tickets, in the form's order: for each the arguments of ``Param``."""


FOLLOW_PARAMS: dict[str, dict[str, Any]] = {
    "dry_run": {**_flag("Dry run", "Read nothing; the report shows what the ledger knows."), **_SAFETY},
    "report_uri": _folder("Where the run's report is written."),
}
"""The parameters of the DAG that follows the setups, in the form's order: for each the arguments of ``Param``."""


_MAILS = {"section": "Mails"}

MAIL_PARAMS: dict[str, dict[str, Any]] = {
    "kind": {
        "default": "all",
        "type": "string",
        "enum": ["all", "new", "reminder"],
        "values_display": {"all": "New links and reminders", "new": "New links", "reminder": "Reminders"},
        "title": "Which mails",
        "description": "kind: new, reminder or all. Reminders need follow_sso_setups with the scope read:logs.",
        **_MAILS,
    },
    "organization_ids": {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": _ORGANIZATION_ID_LINE},
        "title": "Only these organizations",
        "description": "One organization id (org_…) a line. Empty: all.",
        **_MAILS,
    },
    "created_after": {
        "default": None,
        "type": ["string", "null"],
        "format": "date-time",
        "title": "Links that were made after",
        "description": "Earlier links may have been mailed by hand. Empty: since the first run that mailed by itself.",
        **_MAILS,
    },
    "resend": {
        **_flag("Mail again", "Mail the links of the organizations above once more, also those that were mailed."),
        **_MAILS,
    },
    "remind_after_days": {
        "default": 3,
        "type": "integer",
        "minimum": 1,
        "title": "Days until a reminder",
        "description": "So long after its mail, a link that nobody has opened is mailed again.",
        **_MAILS,
    },
    "most_reminders": {
        "default": 1,
        "type": "integer",
        "minimum": 0,
        "title": "Most reminders of a link",
        "description": "0: none.",
        **_MAILS,
    },
    "dry_run": {**_flag("Dry run", "Mail nobody; the report shows who would get what."), **_SAFETY},
    "require_approval": {**_flag("Wait for approval", "A person approves the mails before they are sent."), **_SAFETY},
    "mails_per_minute": {
        "default": 30,
        "type": "integer",
        "minimum": 1,
        "maximum": 600,
        "title": "Mails a minute",
        "description": "Auth0 lets all customers together make 90 requests a minute, and each makes several.",
        **_ADVANCED,
    },
    "report_uri": _folder("Where the run's report is written."),
}
"""The parameters of the DAG that mails links, in the form's order: for each the arguments of ``Param``."""


REVOKE_PARAMS: dict[str, dict[str, Any]] = {
    "report": {
        "default": "",
        "type": ["string", "null"],
        "title": "Links of a run",
        "description": "The folder of that run's report, or its tickets.csv.",
        "examples": [f"{DEFAULT_REPORTS}/create_sso_tickets/scheduled__2026-01-01T00_00_00+00_00"],
        **_LINKS,
    },
    "organization_ids": {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": _ORGANIZATION_ID_LINE},
        "title": "Links of organizations",
        "description": "One organization id (org_…) a line; in addition to the run above.",
        **_LINKS,
    },
    "prospect_keys": {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "pattern": r"^\s*[0-9a-f]*\s*$"},
        "title": "Links of prospects",
        "description": "One key of the ledger a line; in addition. The buttons Revoke of the pages fill it in.",
        **_LINKS,
    },
    "all_live": {**_flag("All links", "Every link in the ledger that may still work, of all organizations."), **_LINKS},
    "dry_run": _DRY_RUN,
    "max_mapped_tasks": _max_mapped_tasks("links"),
    "report_uri": _folder("Where this run's own report is written."),
}
"""The parameters of the DAG that revokes tickets, in the form's order: for each the arguments of ``Param``."""
