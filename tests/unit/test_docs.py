"""The documentation and the code agree: rows that tests show, links, and names that a reader looks up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest
from auth0_sso.hooks.settings import STANDARD_FIELDS, Auth0Settings
from auth0_sso.models import DELIVERY_COLUMNS, DeliveryStatus, Funnel, LinkState, SetupState
from auth0_sso.runtime.timeouts import Timeouts

from dev.sandbox.tenant.settings import PLANS
from include.params import CREATE_PARAMS, FOLLOW_PARAMS, MAIL_PARAMS, REVOKE_PARAMS
from include.prospects import describe_columns
from include.reports import SETUP_COLUMNS

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
README = PROJECT / "README.md"
PAGES = [README, PROJECT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
WHAT_HAPPENS = DOCS / "what-happens-when.md"
PARAMETERS = DOCS / "parameters.md"
RATE_LIMITS = DOCS / "rate-limits.md"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"SSO_TICKETS_[A-Z_]*[A-Z]")


def rows() -> list[str]:
    """Return the first cells of the page's tables of what happens when."""
    tables = WHAT_HAPPENS.read_text(encoding="utf-8").split("\n## How long")[0]
    cells = [line.split("|")[1].strip() for line in tables.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell not in ("you do, or it happens", "---")]


def answers() -> Iterator[str]:
    """Return the rows that tests are marked with."""
    for path in (PROJECT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.answers":
                    yield ast.literal_eval(mark.args[0])


def test_each_row_of_what_happens_when_is_there_once_and_shown_by_a_test() -> None:
    assert sorted(rows()) == sorted(set(answers()))
    assert len(rows()) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not leads_somewhere(page, target)] == []


def links(page: Path) -> list[str]:
    """Return the targets of a page's relative links."""
    targets = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    return [unquote(target) for target in targets if "://" not in target]


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether a file and, in a page, its heading exist."""
    path, _, heading = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not heading or heading in anchors(file))


def anchors(page: Path) -> set[str]:
    """Return a page's headings, as GitHub makes them into anchors."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def variables() -> set[str]:
    """Return the environment variables of the project that its code reads."""
    files = (path for folder in ("dags", "plugins", "include") for path in (PROJECT / folder).rglob("*.py"))
    return {name for file in files for name in _VARIABLE.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("page", "names"),
    [
        (PARAMETERS, CREATE_PARAMS),
        (PARAMETERS, REVOKE_PARAMS),
        (PARAMETERS, FOLLOW_PARAMS),
        (PARAMETERS, set(Auth0Settings.model_fields) - STANDARD_FIELDS),
        (PARAMETERS, variables()),
        (WHAT_HAPPENS, [field.name for field in fields(Timeouts)]),
    ],
    ids=["parameters of create", "parameters of revoke", "parameters of follow", "extras", "variables", "timeouts"],
)
def test_a_page_names_all_that_its_reader_may_look_up(page: Path, names: Iterable[str]) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_tables_of_columns_say_what_the_models_say() -> None:
    tables = PARAMETERS.read_text(encoding="utf-8").split("### Columns\n")[1].split("\n### ")[0]
    rows = [line for line in tables.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{column.name}` | {column.values} | {column.explanation} |" for column in describe_columns()]


def test_the_table_of_setups_has_their_columns_in_order_and_all_their_values() -> None:
    section = section_of(PARAMETERS, "### Setups")
    columns, _, funnel = (table.split("\n\n")[0] for table in section.split("| --- | --- |\n")[1:])
    assert first_cells(columns) == [f"`{name}`" for name in SETUP_COLUMNS]
    assert first_cells(funnel) == [f"`{field.name}`" for field in fields(Funnel)]
    assert [value for value in (*LinkState, *SetupState) if f"`{value}`" not in columns] == []


def test_the_table_of_deliveries_has_their_columns_in_order_and_all_their_statuses() -> None:
    columns, statuses = tables(section_of(PARAMETERS, "### Deliveries"))
    assert columns == [f"`{name}`" for name in DELIVERY_COLUMNS]
    assert statuses == [f"`{status}`" for status in DeliveryStatus]


def test_the_table_of_the_parameters_of_mail_has_all_in_order() -> None:
    (parameters,) = tables(section_of(PARAMETERS, "## The parameters of `mail_sso_tickets`"))
    assert parameters == [f"`{name}`" for name in MAIL_PARAMS]


def section_of(page: Path, heading: str) -> str:
    """Return what is below a heading, up to the next one."""
    return re.split(r"^#+ ", page.read_text(encoding="utf-8").split(f"{heading}\n")[1], flags=re.MULTILINE)[0]


def tables(section: str) -> list[list[str]]:
    """Return the first cells of the rows of a section's tables."""
    found = re.findall(r"^\|(?: --- \|)+\n(.*?)(?:\n\n|\Z)", section, re.DOTALL | re.MULTILINE)
    return [first_cells(table) for table in found]


def first_cells(table: str) -> list[str]:
    """Return the first cells of a table's rows."""
    return [line.split("|")[1].strip() for line in table.splitlines()]


def test_the_sizes_for_each_plan_use_its_refill_and_stay_within_its_bucket() -> None:
    """A few slots with a part each: at least 99.5 percent of the refill, at most the bucket."""
    table = RATE_LIMITS.read_text(encoding="utf-8").split("| Auth0 plan |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    for (name, bucket, refill, *sizes), plan in zip(rows, PLANS.values(), strict=True):
        assert number(bucket) == plan.size, name
        assert number(refill) / (60 if refill.endswith("/min") else 1) == plan.refill, name
        for slots, requests, burst in zip(*map(alternatives, sizes), strict=True):
            assert 0.995 * plan.refill <= slots * requests <= plan.refill, name
            assert 0.95 * plan.size <= slots * burst <= plan.size, name


def alternatives(cell: str) -> list[float]:
    """Return the numbers of a cell like `4 (or 16)`."""
    return [number(part) for part in cell.rstrip(")").split(" (or ")]


def number(text: str) -> float:
    """Return the number at the start of a text like `1,500/s`."""
    return float(text.partition("/")[0].replace(",", ""))


@pytest.mark.parametrize(
    "example", sorted((PROJECT / "tests" / "e2e" / "examples").glob("*.py")), ids=lambda file: file.name
)
def test_an_example_is_quoted_as_it_is(example: Path) -> None:
    _docstring, _, code = example.read_text(encoding="utf-8").partition('"""\n\n')
    assert f"```python\n{code.strip()}\n```" in (DOCS / "architecture.md").read_text(encoding="utf-8")
