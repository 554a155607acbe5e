"""Write a run's report: the tables, the page, and last the summary."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, TypeAlias

from auth0_sso.models import COLUMNS, DELIVERY_COLUMNS, REVOCATION_COLUMNS, Funnel, RevocationStatus, TicketStatus

from include.files import make_private, write_private
from include.reports.setups import SETUP_COLUMNS, SetupRow
from include.reports.summary import summarize, summarize_deliveries, summarize_setups
from include.reports.tables import csv_parts, table_of, xlsx_bytes
from include.reports.webpage.page import page_parts
from include.reports.webpage.views import revocation_page, setup_page, ticket_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from auth0_sso.models import MailOutcome, Outcome, ProspectSetup, RevocationOutcome

    from include.files import AnyPath
    from include.reports.summary import RunInfo

    Contents: TypeAlias = Mapping[str, Callable[[], Iterable[bytes]]]
    Summarize: TypeAlias = Callable[[Mapping[str, str]], dict[str, Any]]


def write_report(folder: AnyPath, rows: Sequence[Outcome], run: RunInfo) -> dict[str, Any]:
    """
    Write ``tickets.csv``, ``tickets.xlsx``, ``report.html`` and ``summary.json``; the first three hold ticket URLs.

    :return: the summary, as in ``summary.json``, but without its ``request_rate``.
    """
    table = table_of(COLUMNS, rows)
    contents: Contents = {
        "tickets.csv": lambda: csv_parts(table),
        "tickets.xlsx": lambda: [xlsx_bytes(table, title="Tickets")],
        "report.html": lambda: page_parts(ticket_page(rows, run)),
    }
    return _write(folder, contents, run, lambda files: summarize(rows, TicketStatus, run, files))


def write_revocations(folder: AnyPath, rows: Sequence[RevocationOutcome], run: RunInfo) -> dict[str, Any]:
    """
    Write ``revocations.csv``, ``revocations.xlsx``, ``report.html`` and ``summary.json``.

    :return: the summary, as in ``summary.json``, but without its ``request_rate``.
    """
    table = table_of(REVOCATION_COLUMNS, rows)
    contents: Contents = {
        "revocations.csv": lambda: csv_parts(table),
        "revocations.xlsx": lambda: [xlsx_bytes(table, title="Revocations")],
        "report.html": lambda: page_parts(revocation_page(rows, run)),
    }
    return _write(folder, contents, run, lambda files: summarize(rows, RevocationStatus, run, files))


def write_setups(folder: AnyPath, prospects: Sequence[ProspectSetup], run: RunInfo) -> dict[str, Any]:
    """
    Write ``setups.csv``, ``setups.xlsx``, ``setups.html`` and ``summary.json``; none of them holds a ticket.

    :param prospects: each is a row, in this order.
    :return: the summary, as in ``summary.json``, but without its ``request_rate``.
    """
    rows = [SetupRow.of(prospect) for prospect in prospects]
    funnel = Funnel.of(prospects)
    table = table_of(SETUP_COLUMNS, rows)
    contents: Contents = {
        "setups.csv": lambda: csv_parts(table),
        "setups.xlsx": lambda: [xlsx_bytes(table, title="Setups")],
        "setups.html": lambda: page_parts(setup_page(rows, funnel, run)),
    }
    return _write(folder, contents, run, lambda files: summarize_setups(rows, funnel, run, files))


def write_deliveries(folder: AnyPath, rows: Sequence[MailOutcome], run: RunInfo) -> dict[str, Any]:
    """
    Write ``deliveries.csv``, ``deliveries.xlsx`` and ``summary.json``; none of them holds a ticket.

    :return: the summary, as in ``summary.json``, but without its ``request_rate``.
    """
    table = table_of(DELIVERY_COLUMNS, rows)
    contents: Contents = {
        "deliveries.csv": lambda: csv_parts(table),
        "deliveries.xlsx": lambda: [xlsx_bytes(table, title="Mails")],
    }
    return _write(folder, contents, run, lambda files: summarize_deliveries(rows, run, files))


def _write(folder: AnyPath, contents: Contents, run: RunInfo, summary_of: Summarize) -> dict[str, Any]:
    make_private(folder)
    # Each part of a file is made just before it is written, so that only one of them is in memory.
    files = {name: write_private(folder, name, content()) for name, content in contents.items()}
    files["summary.json"] = str(folder / "summary.json")
    summary = summary_of(files)
    samples = [list(astuple(sample)) for sample in run.samples]
    write_private(folder, "summary.json", [_lines({**summary, "request_rate": samples})])
    return summary


def _lines(mapping: Mapping[str, Any]) -> bytes:
    """Return JSON with a line for each key."""
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in mapping.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
