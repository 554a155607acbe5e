"""The report's table for a terminal. It shows no ticket URL and no ticket id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auth0_sso.models import Outcome, TicketStatus
from rich import box
from rich.table import Table
from rich.text import Text

from include.reports.cells import printable
from include.reports.wording import LABELS, plural, ticket_headline, utc_text

MAX_ROWS = 60

_STYLES = {
    "created": "green",
    "reused": "cyan",
    "planned": "blue",
    "conflict": "magenta",
    "finished": "green",
    "failed": "bold red",
    "invalid": "yellow",
    "not_attempted": "bold yellow",
}


def outcome_table(summary: Mapping[str, Any], rows: Sequence[Outcome]) -> Table:
    """
    Return a table of at most :data:`MAX_ROWS` prospects, those that need work first.

    :param summary: the result of :func:`include.reports.export.write_report`.
    """
    shown = rows if len(rows) <= MAX_ROWS else sorted(rows, key=lambda row: not row.needs_work)[:MAX_ROWS]
    counts = {str(status): int(summary[status]) for status in TicketStatus}
    table = Table(
        title=ticket_headline(counts, len(rows)),
        caption=_caption(counts, len(rows) - len(shown)),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title_style="bold",
    )
    table.add_column("Row", justify="right", no_wrap=True)
    for title in ("Organization", "Prospect", "Connection"):
        table.add_column(title)
    for title in ("Status", "Expires (UTC)"):
        table.add_column(title, no_wrap=True)
    for row in shown:
        table.add_row(
            _text(row.row),
            _text(row.organization_name or row.organization_id),
            _text(row.prospect_name or row.prospect_email),
            _text(row.connection_name),
            _status(row),
            _text(utc_text(row.expires_at).removesuffix(" UTC")),
        )
    return table


def _caption(counts: Mapping[str, int], hidden: int) -> str:
    totals = ", ".join(f"{count:,} {LABELS[status]}" for status, count in counts.items() if count)
    return f"{totals}; {plural(hidden, 'more row')} in tickets.csv" if hidden else totals


def _status(row: Outcome) -> Text:
    label = LABELS[row.status] + (" (twice?)" if row.duplicate_possible else "")
    return _text(label, _STYLES[row.status])


def _text(value: object, style: str = "") -> Text:
    """Return text without markup, on one line, which a narrow terminal cuts."""
    line = printable(value, limit=32).replace("\n", " ").replace("\t", " ")
    return Text(line, style=style, no_wrap=True, overflow="ellipsis")
