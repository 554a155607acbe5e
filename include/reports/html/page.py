"""The report as one web page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.reports.cells import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.reports.charts.organizations import OrganizationChart
    from include.reports.charts.request_rate import RateChart

_FOLDER = Path(__file__).parent
_SCRIPT = (_FOLDER / "copy_links.js").read_text(encoding="utf-8")
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Counter:
    """How many rows have one status."""

    status: str
    label: str
    count: int


@dataclass(frozen=True)
class Task:
    """Something to do, and the rows it is about.

    :param rows: the first few rows' numbers; ``more`` is how many follow.
    :param errors: the most frequent errors among them, with their counts.
    """

    status: str
    count: int
    title: str
    text: str
    rows: Sequence[int]
    more: int
    errors: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class PageRow:
    """One line of the page's table; the texts are those to show."""

    number: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    status: str
    label: str
    ticket_url: str
    time: str
    duplicate_possible: bool
    error: str


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    :param tone: ``good``, ``warn`` or ``bad``, the colour of the headline.
    :param facts: label and value of what is said of the run as a whole.
    :param has_links: whether ticket URLs are shown, and how to handle them.
    :param time_title: the head of the column with :attr:`PageRow.time`.
    :param hidden_rows: how many rows are in ``table_file`` alone.
    """

    title: str
    headline: str
    tone: str
    facts: Sequence[tuple[str, str]]
    counters: Sequence[Counter]
    tasks: Sequence[Task]
    warnings: Sequence[str]
    organizations: OrganizationChart
    rate: RateChart | None
    rows: Sequence[PageRow]
    hidden_rows: int
    has_links: bool
    time_title: str
    table_file: str


def page_bytes(page: Page) -> bytes:
    """Render the page: UTF-8 HTML, everything escaped, no script but its own, no resource from elsewhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Names may hold anything that a database may hold.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    template = environment.get_template("report.html.j2")
    return template.render(page=page, policy=CONTENT_SECURITY_POLICY, script=_SCRIPT).encode()
