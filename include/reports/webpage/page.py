"""The report as one self-contained web page."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from include.reports.cells import printable
from include.reports.webpage.rows import rows_json
from include.reports.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2 import Template

    from include.reports.charts.funnel import FunnelStep
    from include.reports.charts.organizations import OrganizationChart
    from include.reports.charts.request_rate import RateChart
    from include.reports.webpage.rows import PageRow

_FOLDER = Path(__file__).parent
_SCRIPTS = [_FOLDER / "script" / f"{name}.js" for name in ("theme", "copy", "rows", "filters", "links", "table")]
_SCRIPT = "\n".join(file.read_text(encoding="utf-8") for file in _SCRIPTS)
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()


def content_security_policy(*, connect: bool) -> str:
    """
    Return what the page's Content-Security-Policy allows: its own script and style.

    :param connect: whether the script may send requests to the page's own origin, to reveal links.
    """
    requests = "connect-src 'self'; " if connect else ""
    return (
        f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; style-src 'unsafe-inline'; img-src data:; "
        f"{requests}base-uri 'none'; form-action 'none'"
    )


CONTENT_SECURITY_POLICY = content_security_policy(connect=False)


@dataclass(frozen=True)
class Task:
    """
    Something that a person has to do, and the rows it is about.

    :param status: the class that has its colour.
    :param filter: what shows all of the rows in the table, a status or ``duplicate``; empty if nothing does.
    :param rows: the first few rows' numbers; ``more`` is how many follow.
    :param errors: the most frequent errors among them, with their counts.
    """

    status: str
    filter: str
    count: int
    title: str
    text: str
    rows: Sequence[int]
    more: int
    errors: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Page:
    """
    All content of the page.

    :param tone: ``good``, ``warn`` or ``bad``, the colour of the headline.
    :param facts: label and value of facts about the run as a whole.
    :param counts: rows by status.
    :param has_links: whether a row has a ticket URL.
    :param error_title: the header of the column with the rows' errors, in a page without links.
    :param time_title: the header of the column with the rows' time.
    :param table_name: the name of the tables' files, without their suffix.
    :param funnel: the steps from the link to the enabled connection; empty in a page about something else.
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
    has_links: bool
    time_title: str
    table_name: str
    error_title: str = "Error"
    funnel: Sequence[FunnelStep] = ()


def page_parts(
    page: Page, *, links_url: str = "", downloads_url: str | None = "", navigation: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """
    Render the page, in parts: UTF-8 HTML, everything escaped, no script but its own, no resource from elsewhere.

    :param links_url: from where the page's script requests the links that a person reveals; then none is in the page.
        If it is empty, all links are in the page.
    :param downloads_url: the folder of the tables; if it is empty, they are beside the page; None to offer none.
    :param navigation: addresses of other pages, by their names.
    """
    parts = _template().generate(
        page=page,
        policy=content_security_policy(connect=bool(links_url)),
        script=_SCRIPT,
        data=rows_json(page.rows, tuple(page.counts), links_url, page.error_title),
        navigation=navigation or {},
        downloads=f"{downloads_url.rstrip('/')}/" if downloads_url else downloads_url,
    )
    return (part.encode() for part in parts)


@cache
def _template() -> Template:
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
    environment.filters["label"] = LABELS.__getitem__
    return environment.get_template("report.html.j2")
