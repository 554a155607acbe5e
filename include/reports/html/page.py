"""The report as one self-contained web page."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.reports.cells import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
class Task:
    """Something that a person has to do, and the rows it is about.

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


@dataclass(frozen=True, kw_only=True)
class PageRow:
    """One line of the page's table."""

    number: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str = ""
    connection_name: str
    status: str
    ticket_url: str = ""
    time: str
    duplicate_possible: bool = False
    error: str


@dataclass(frozen=True)
class Page:
    """All content of the page.

    :param tone: ``good``, ``warn`` or ``bad``, the colour of the headline.
    :param facts: label and value of facts about the run as a whole.
    :param counts: rows by status.
    :param hidden_rows: how many rows are in ``table_file`` alone.
    :param has_links: whether the page shows ticket URLs.
    :param time_title: the header of the column with :attr:`PageRow.time`.
    """

    title: str
    headline: str
    tone: str
    facts: Sequence[tuple[str, str]]
    counts: Mapping[str, int]
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
        # A name may contain any character.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    template = environment.get_template("report.html.j2")
    return template.render(page=page, policy=CONTENT_SECURITY_POLICY, script=_SCRIPT).encode()
