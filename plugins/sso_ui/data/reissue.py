"""A prospect's row of its last run, as a CSV of one row."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from auth0_sso.ledger.records import Entry
from auth0_sso.models import TicketRequest

from include.prospects import load_prospects
from include.prospects.manifest import is_invalid_row, read_row
from sso_ui.data.runs import NoManifestError, manifest_lines

_CARRIED = (
    "organization_id",
    "organization_name",
    "prospect_name",
    "prospect_email",
    "language",
    "profile_id",
    "custom_domain",
)


class ReissueError(ValueError):
    """The row can't be found or repeated."""


def prospect_csv(entry: Entry) -> bytes:
    """
    Return a CSV whose one row is the prospect's, as its last run had it; it names the profile.

    :raises ReissueError: if the run's files are gone, or the row would become another prospect's.
    """
    request = _find(entry)
    content = _as_csv(request)
    again = load_prospects(None, text=content).valid
    if len(again) != 1 or (again[0].prospect, again[0].body) != (request.prospect, request.body):
        raise ReissueError("This row can't be repeated on its own: run its file again with on_existing=reissue.")
    return content.encode()


def _find(entry: Entry) -> TicketRequest:
    dag_id, _, run_id = entry.run.partition("/")
    organization = entry.organization_id.encode()
    try:
        lines = [line for line in manifest_lines(dag_id, run_id) if organization in line and not is_invalid_row(line)]
    except NoManifestError as error:
        raise ReissueError(f"{error} Run the customer's file again.") from None
    rows = map(read_row, lines)
    found = [row for row in rows if isinstance(row, TicketRequest) and _may_be(row, entry)]
    if not found:
        raise ReissueError("The run's input has no such row any more: run the customer's file again.")
    nearest = min(found, key=lambda request: request.profile_id != entry.profile_id)
    return replace(nearest, profile_id=entry.profile_id)


def _may_be(request: TicketRequest, entry: Entry) -> bool:
    """
    Whether a row is for the entry's organization, person, connection and profile.

    The ledger may know the prospect in its other form, with or without the connection. A row that names no profile has
    the run's, or the connection's.
    """
    person = request.prospect.removesuffix(f"|{request.connection}")
    given = (request.organization_id, person, request.connection)
    is_same = given == (entry.organization_id, entry.person, entry.connection_name)
    return is_same and request.profile_id in ("", entry.profile_id)


def _as_csv(request: TicketRequest) -> str:
    cells = {name: getattr(request, name) for name in _CARRIED}
    body = dict(request.body)
    # A connection name that the row did not give is made from the organization's name again: as part of the row, it
    # would make it another prospect's.
    if "connection_config" in body and not request.prospect.endswith(f"|{request.connection_name}"):
        body["connection_config"] = {name: value for name, value in body["connection_config"].items() if name != "name"}
    for name, value in body.items():
        cells[name] = json.dumps(value) if isinstance(value, dict | list) else str(value)
    given = {name: value for name, value in cells.items() if value not in ("", "{}")}
    stream = io.StringIO()
    writer = csv.DictWriter(stream, given, lineterminator="\n")
    writer.writeheader()
    writer.writerow(given)
    return stream.getvalue()
