"""The parameters of the DAGs, as the trigger form shows them; every default serves a scheduled run."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from airflow.sdk import Param

from auth0_sso.errors import Auth0RunError

_MAX_TTL = 432_000
_PROFILE_ID = r"^[A-Za-z0-9_-]{0,255}$"
_NOT_BLANK = r"\S"
# An id may have white space around it, and a line may be empty; two ids on one line are none.
_ORGANIZATION_ID_LINE = r"^\s*[A-Za-z0-9_-]*\s*$"


def require_known(given: Collection[str], known: Collection[str]) -> None:
    """
    Check the names in a run's configuration: Airflow takes any, and a ``dryrun`` would be a run in earnest.

    :param given: the names of the parameters that the run has.
    :param known: the names of those that the DAG has.
    :raises Auth0RunError: for the first that the DAG does not know.
    """
    for name in sorted(set(given) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean '{nearest[0]}'?" if nearest else "."
        raise Auth0RunError(
            f"The run's configuration has '{name}', which is no parameter{hint}",
            advice=f"Trigger another run; the parameters are {', '.join(known)}.",
        )


def create_params(prospects_uri: str, report_uri: str) -> dict[str, Param]:
    """
    Return the parameters of the DAG that creates tickets.

    :param prospects_uri: default of the parameter of that name.
    :param report_uri: default of the parameter of that name.
    """
    return {
        "prospects_uri": Param(
            prospects_uri,
            type="string",
            title="Prospects",
            description="Path or URI of the CSV, or of a folder of CSVs; object storage too.",
        ),
        "prospects_csv": Param(
            "",
            type=["string", "null"],
            format="multiline",
            title="Prospects, pasted",
            description="A CSV pasted here wins over the path above.",
        ),
        "profile_id": Param(
            "",
            type=["string", "null"],
            pattern=_PROFILE_ID,
            title="Self-service profile",
            description="ssp_…, for rows that name none; empty: the connection's.",
        ),
        "ttl_sec": Param(
            0,
            type="integer",
            minimum=0,
            maximum=_MAX_TTL,
            title="Lifetime in seconds",
            description="Until a link is first opened, for rows that set none; 0 is Auth0's default, five days.",
        ),
        "on_existing": Param(
            "reuse",
            type="string",
            enum=["reuse", "reissue"],
            values_display={"reuse": "Reuse it", "reissue": "Revoke it and issue another"},
            title="If a link still lives",
            description="Never two live links for a prospect; on_existing, reuse or reissue.",
        ),
        "on_invalid_rows": Param(
            "skip",
            type="string",
            enum=["skip", "fail"],
            values_display={"skip": "Skip them into the report", "fail": "Fail before anything is sent"},
            title="If rows are invalid",
            description="Either way they are listed; on_invalid_rows, skip or fail.",
        ),
        "max_mapped_tasks": Param(
            128,
            type="integer",
            minimum=1,
            title="Mapped tasks at most",
            description="With more organizations than this, a task takes several, evenly.",
        ),
        "require_approval": Param(
            False,
            type="boolean",
            title="Wait for approval",
            description="A person approves the plan before anything is sent.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Everything but the calls."),
        "report_uri": Param(
            report_uri,
            type="string",
            pattern=_NOT_BLANK,
            title="Reports",
            description="Folder for the run's report; local or object storage.",
        ),
    }


def revoke_params(export_uri: str) -> dict[str, Param]:
    """
    Return the parameters of the DAG that revokes tickets.

    :param export_uri: default of the parameter of that name.
    """
    return {
        "report_uri": Param(
            "",
            type=["string", "null"],
            title="Tickets of a run",
            description="The folder of that run's report, or its tickets.csv.",
        ),
        "organization_ids": Param(
            [],
            type=["array", "null"],
            items={"type": "string", "pattern": _ORGANIZATION_ID_LINE},
            title="Tickets of organizations",
            description="One organization id a line; added to those of the run above.",
        ),
        "all_live": Param(
            False,
            type="boolean",
            title="All tickets",
            description="Every live ticket that the ledger knows, of all organizations.",
        ),
        "max_mapped_tasks": Param(
            16,
            type="integer",
            minimum=1,
            title="Mapped tasks at most",
            description="With more tickets than this, a task takes several, evenly.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Everything but the calls."),
        "export_uri": Param(
            export_uri,
            type="string",
            pattern=_NOT_BLANK,
            title="Reports",
            description="Folder for this run's own report.",
        ),
    }
