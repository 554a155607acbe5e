"""
The report's page as the api-server shows it, made from the run's ``summary.json`` and its table.

Others may be able to write to the folder of reports, so what is read from there is checked, and every text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeAlias

from auth0_sso.models import REVOCATION_COLUMNS, Outcome, RevocationOutcome
from pydantic import BaseModel, Field, ValidationError

from include.reports.charts.rate_samples import MAX_SAMPLES, RateSample
from include.reports.summary import RunInfo
from include.reports.tables import parse_table, parse_tickets
from include.reports.webpage.page import page_parts
from include.reports.webpage.views import revocation_page, ticket_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.reports.webpage.page import Page

Read: TypeAlias = Callable[[str], bytes]

MAX_BYTES = {"summary.json": 4 * 2**20, "tickets.csv": 64 * 2**20, "revocations.csv": 64 * 2**20}
"""The files that are read, and the most bytes of each; of a larger one, the first bytes and one more are enough."""

_Count = Annotated[int, Field(ge=0, lt=10**9)]
_Number = Annotated[float, Field(ge=0, lt=10**9, allow_inf_nan=False)]
_UnixTime = Annotated[int, Field(ge=0, lt=2**33)]


class _Summary(BaseModel, strict=True):
    """The part of ``summary.json`` that the page shows."""

    dag_id: str
    run_id: str
    started_at: str
    finished_at: str
    seconds: _Number
    requests: _Count
    rate_limited: _Count
    tenant: str
    replaced: _Count
    replaced_rows: list[_Count]
    warnings: list[str]
    files: dict[str, str]
    request_rate: Annotated[list[tuple[_UnixTime, _Count, _Number]], Field(max_length=MAX_SAMPLES)]


def served_page(read: Read, *, links_url: str, downloads_url: str, navigation: Mapping[str, str]) -> bytes:
    """
    Make the page of a run's report, without any ticket URL.

    :param read: returns the content of a file in the run's folder, by its name; see :data:`MAX_BYTES`.
    :param links_url: where the page's script requests links: ``POST`` of ``{"rows": [1, 2]}``, at most 1,000 at once,
        is answered with ``{"links": {"1": "https://…"}}``, or an error status and ``{"detail": "…"}``. If it is empty,
        no link can be revealed.
    :param downloads_url: the folder of ``tickets.csv`` and ``tickets.xlsx``, or of ``revocations.csv`` and ``.xlsx``.
        If it is empty, no table is offered.
    :param navigation: addresses of other pages, by their names.
    :raises ValueError: if the files are not a run's report, or are too large.
    """
    page = _page(read)
    if not links_url:
        page = replace(page, has_links=False, rows=[row._replace(ticket_url="") for row in page.rows])
    parts = page_parts(page, links_url=links_url, downloads_url=downloads_url or None, navigation=navigation)
    return b"".join(parts)


def read_links(read: Read, rows: Collection[int]) -> dict[int, str]:
    """
    Return the ticket URLs of these rows of ``tickets.csv``, by row; a row without one is left out.

    :param read: as for :func:`served_page`.
    :raises ValueError: if the file is not a ticket report, or is too large.
    """
    wanted = set(rows)
    tickets = parse_tickets(_bounded(read, "tickets.csv"))
    return {ticket.row: ticket.ticket_url for ticket in tickets if ticket.row in wanted and ticket.ticket_url}


def _page(read: Read) -> Page:
    try:
        summary = _Summary.model_validate_json(_bounded(read, "summary.json"))
    except ValidationError as error:
        raise ValueError(f"summary.json is not the summary of a report: {_first(error)}: export it again") from None
    known = summary.model_dump(exclude={"files", "request_rate"})
    run = RunInfo(**known, samples=[RateSample(*sample) for sample in summary.request_rate])
    if "revocations.csv" in summary.files:
        table = parse_table(_bounded(read, "revocations.csv"), REVOCATION_COLUMNS, "revocations.csv")
        rows = [RevocationOutcome.from_dict(dict(zip(REVOCATION_COLUMNS, cells, strict=True))) for cells in table]
        return revocation_page(rows, run)
    return ticket_page(list(_tickets(read)), run)


def _tickets(read: Read) -> Iterator[Outcome]:
    known = set()
    for ticket in parse_tickets(_bounded(read, "tickets.csv")):
        if ticket.row in known:
            raise ValueError(f"row {ticket.row} of tickets.csv is there twice: export it again")
        known.add(ticket.row)
        yield ticket


def _bounded(read: Read, name: str) -> bytes:
    content = read(name)
    if len(content) > MAX_BYTES[name]:
        raise ValueError(f"{name} is larger than {MAX_BYTES[name]:,} bytes: open it from its folder")
    return content


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip()
