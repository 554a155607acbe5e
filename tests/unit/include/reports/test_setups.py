"""The report of setups: each prospect once, how far the customers are, and what to do about those who are stuck."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from auth0_sso.models import LinkState, ProspectSetup, Setup, SetupState
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from include.reports import SETUP_COLUMNS, RateSample, RunInfo, write_setups
from include.reports.cells import printable, unguard
from include.reports.wording import span_text
from tests.unit.include.reports.test_page import MARKUP, Reader, data_of, policy_of
from tests.unit.include.reports.test_robustness import ESCAPES, FORMULAS

RUN = RunInfo(
    "follow_sso_setups", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.25, requests=4, rate_limited=1,
    samples=[RateSample(7, 2, 1.5)], tenant="acme.example.com",
)  # fmt: skip
LINK = 1_767_225_600.0  # 2026-01-01
DAY = 86_400.0
TEXTS = ("organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name")
SETUP_TEXTS = ("last_failure", "connection_id", "note")
ENABLED = Setup(
    SetupState.ENABLED, opened=3, first_opened_at=LINK + DAY, last_opened_at=LINK + 2 * DAY + 0.9,
    connected_at=LINK + 3 * DAY, enabled_at=LINK + 4 * DAY, connection_id="con_1", seen_in=("logs", "API"),
)  # fmt: skip
CONNECTED = replace(ENABLED, state=SetupState.CONNECTED, enabled_at=None)
WAITING = replace(CONNECTED, state=SetupState.WAITING_FOR_DOMAIN, waiting_since=LINK + 3 * DAY)
OPENED = Setup(SetupState.OPENED, opened=1, first_opened_at=LINK + 2 * DAY, last_opened_at=LINK + 2 * DAY)
NOT_OPENED = Setup(SetupState.NOT_OPENED, seen_in=("logs",))


def prospect(setup: Setup = NOT_OPENED, **changes: Any) -> ProspectSetup:
    given = {
        "organization_id": "org_1",
        "organization_name": "Acme",
        "prospect_name": "Ada",
        "prospect_email": "ada@acme.example",
        "connection_name": "acme-saml",
        "link": LinkState.VALID,
        "created_at": LINK,
        "updated_at": LINK + 5 * DAY,
    }
    return ProspectSetup(**{**given, **changes}, setup=setup)


def folder_of(*prospects: ProspectSetup, run: RunInfo = RUN) -> UPath:
    folder = UPath("memory://setups/run")
    write_setups(folder, prospects, run)
    return folder


def html_of(*prospects: ProspectSetup, run: RunInfo = RUN) -> str:
    return str((folder_of(*prospects, run=run) / "setups.html").read_text(encoding="utf-8"))


def text_of(html: str) -> str:
    """Return the texts of a page, its script's data among them, with single spaces."""
    return " ".join(" ".join(Reader(html).texts).split())


def csv_rows(folder: UPath) -> list[dict[str, str]]:
    text = (folder / "setups.csv").read_text(encoding="utf-8-sig", newline="")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_prospect_is_a_row_in_the_given_order_with_its_values_in_each_column() -> None:
    folder = folder_of(prospect(ENABLED, link=LinkState.USED_UP), prospect(connection_name="acme-oidc"))
    first, second = csv_rows(folder)
    assert list(first.items()) == [
        ("organization_id", "org_1"),
        ("organization_name", "Acme"),
        ("prospect_name", "Ada"),
        ("prospect_email", "ada@acme.example"),
        ("connection_name", "acme-saml"),
        ("link", "used_up"),
        ("setup", "enabled"),
        ("opened", "3"),
        ("last_opened_at", "2026-01-03T00:00:00Z"),
        ("connected_at", "2026-01-04T00:00:00Z"),
        ("enabled_at", "2026-01-05T00:00:00Z"),
        ("waiting_since", ""),
        ("last_failure", ""),
        ("connection_id", "con_1"),
        ("seen_in", "logs, API"),
        ("updated_at", "2026-01-06T00:00:00Z"),
    ]
    assert [second[name] for name in ("connection_name", "link", "setup", "opened", "last_opened_at", "seen_in")] == [
        "acme-oidc", "valid", "not_opened", "0", "", "logs",
    ]  # fmt: skip


@pytest.mark.parametrize(("seen_in", "cell"), [((), ""), (("API",), "API"), (("logs", "API"), "logs, API")])
def test_a_row_says_where_its_state_was_seen(seen_in: tuple[str, ...], cell: str) -> None:
    (row,) = csv_rows(folder_of(prospect(replace(NOT_OPENED, seen_in=seen_in), updated_at=None)))
    assert (row["seen_in"], row["updated_at"]) == (cell, "")


def test_the_workbook_has_the_same_and_the_openings_are_a_number() -> None:
    folder = folder_of(prospect(ENABLED))
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "setups.xlsx").read_bytes())).active
    header, row = sheet.iter_rows(values_only=True)
    assert (sheet.title, header) == ("Setups", SETUP_COLUMNS)
    assert row[SETUP_COLUMNS.index("opened")] == 3
    assert {name: str(cell or "") for name, cell in zip(header, row, strict=True)} == csv_rows(folder)[0]


def test_the_summary_has_the_funnel_and_the_states_and_is_written_last(tmp_path: Path) -> None:
    prospects = [
        prospect(ENABLED),
        prospect(replace(ENABLED, enabled_at=LINK + 6 * DAY), organization_id="org_2"),
        prospect(CONNECTED),
        prospect(WAITING),
        prospect(OPENED),
        prospect(),
        prospect(Setup(SetupState.UNKNOWN), created_at=None, link=LinkState.NONE, organization_id=""),
    ]
    summary = write_setups(tmp_path, prospects, RUN)
    assert summary == {
        "dag_id": "follow_sso_setups",
        "run_id": "run",
        "tenant": "acme.example.com",
        "rows": 7,
        "organizations": 2,
        "funnel": {
            "links": 6,
            "opened": 5,
            "connected": 4,
            "waiting": 1,
            "enabled": 2,
            "seconds_to_open": DAY,
            "seconds_to_connect": 2 * DAY,
            "seconds_to_enable": 2 * DAY,
        },
        "setups": {
            "unknown": 1, "not_opened": 1, "opened": 1, "connected": 1, "waiting_for_domain": 1, "enabled": 2,
        },
        "requests": 4,
        "rate_limited": 1,
        "seconds": 9.25,
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:09Z",
        "files": {name: str(tmp_path / name) for name in ("setups.csv", "setups.xlsx", "setups.html", "summary.json")},
        "warnings": [],
    }  # fmt: skip
    assert json.loads((tmp_path / "summary.json").read_text()) == {**summary, "request_rate": [[7, 2, 1.5]]}
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert max(times, key=times.__getitem__) == "summary.json"
    assert times.keys() == summary["files"].keys()
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o600"}


def test_a_ledger_without_prospects_gives_a_report_without_rows_and_funnel(tmp_path: Path) -> None:
    summary = write_setups(tmp_path, [], RUN)
    assert summary["funnel"] == {
        "links": 0, "opened": 0, "connected": 0, "waiting": 0, "enabled": 0,
        "seconds_to_open": None, "seconds_to_connect": None, "seconds_to_enable": None,
    }  # fmt: skip
    assert (tmp_path / "setups.csv").read_text(encoding="utf-8-sig") == ",".join(SETUP_COLUMNS) + "\n"
    html = (tmp_path / "setups.html").read_text()
    assert "No prospects to follow" in html
    assert '<ol class="funnel">' not in html


@pytest.mark.parametrize(
    ("prospects", "headline"),
    [
        ([prospect(ENABLED)] * 12 + [prospect()] * 28, "12 of 40 prospects have finished the setup"),
        ([prospect(ENABLED), prospect(WAITING)], "1 of 2 prospects has finished the setup"),
        ([prospect(OPENED)], "0 of 1 prospect has finished the setup"),
    ],
)
def test_the_headline_is_the_number_of_prospects_that_have_finished(
    prospects: list[ProspectSetup], headline: str
) -> None:
    assert headline in text_of(html_of(*prospects))


def test_the_funnel_is_in_words_beside_its_bars() -> None:
    html = html_of(prospect(ENABLED), prospect(WAITING), prospect(OPENED), prospect())
    assert (
        "Have had a link 4 100% "
        "Opened 3 75% median: 1 day to open "
        "Connected 2 50% 1 of them waiting for a domain median: 2 days to connect "
        "Enabled 1 25% median: 1 day to enable "
        "Each step counts the prospects who have come further, too."
    ) in text_of(html)
    funnel = html.split('<ol class="funnel">')[1].split("</ol>")[0]
    bars = [
        [(given["class"], given["style"]) for _, given in Reader(part.partition(">")[2].partition("</span>\n")[0]).tags]
        for part in funnel.split('<span class="track"')[1:]
    ]
    assert bars == [
        [("s-not_opened", "width: 100.00%")],
        [("s-opened", "width: 75.00%")],
        [("s-connected", "width: 25.00%"), ("s-waiting_for_domain", "width: 25.00%")],
        [("s-enabled", "width: 25.00%")],
    ]


def test_a_step_whose_times_are_not_known_has_no_median() -> None:
    assert "Enabled 1 100% Each step" in text_of(html_of(prospect(Setup(SetupState.ENABLED))))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.4 * DAY, "1.4 days"),
        (DAY, "1 day"),
        (36_000, "10 hours"),
        (3_600, "1 hour"),
        (90, "1.5 minutes"),
        (0, "0 seconds"),
        (2_000 * DAY, "2,000 days"),
    ],
)
def test_a_span_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_the_states_are_counted_and_shown_in_words() -> None:
    html = html_of(prospect(WAITING), prospect(WAITING), prospect())
    assert "0 unknown 1 not opened 0 opened 0 connected 2 waiting for a domain 0 enabled" in text_of(html)
    data = data_of(html)
    assert [data["labels"][row[5]] for row in data["rows"]] == ["waiting for a domain"] * 2 + ["not opened"]


@pytest.mark.parametrize(
    ("stuck", "title", "words"),
    [
        (prospect(WAITING), "1 row waiting for a domain", "The longest wait began on 4 Jan 2026, 00:00 UTC."),
        (prospect(CONNECTED), "1 row connected but not enabled", "enable the connection in the Auth0 dashboard"),
        (
            prospect(OPENED, link=LinkState.USED_UP),
            "1 row not connected, and the link is used up or has expired",
            "The next run of create_sso_tickets with these prospects replaces it.",
        ),
        (
            prospect(link=LinkState.EXPIRED),
            "1 row not connected, and the link is used up or has expired",
            "The link has expired.",
        ),
        (
            prospect(replace(OPENED, last_failure="Invalid metadata")),
            "1 row not connected, and the last step has failed",
            "“Invalid metadata”",
        ),
    ],
)
def test_the_page_says_what_to_do_about_a_prospect_who_is_stuck(stuck: ProspectSetup, title: str, words: str) -> None:
    html = html_of(prospect(ENABLED), stuck)
    assert f"What to do {title}" in text_of(html)
    assert words in text_of(html)
    assert '<header class="warn">' in html
    assert '<a href="#row-2">2</a>' in html


def test_the_longest_wait_is_named_of_several() -> None:
    later = replace(WAITING, waiting_since=LINK + 9 * DAY)
    assert "began on 4 Jan 2026, 00:00 UTC." in text_of(html_of(prospect(later), prospect(WAITING), prospect(later)))


@pytest.mark.parametrize(
    "moving",
    [
        prospect(ENABLED, link=LinkState.USED_UP),
        prospect(replace(ENABLED, last_failure="Invalid metadata")),
        prospect(OPENED),
        prospect(),
        prospect(Setup(SetupState.UNKNOWN)),
        prospect(link=LinkState.REVOKED),
    ],
)
def test_a_prospect_who_is_not_stuck_gives_nothing_to_do(moving: ProspectSetup) -> None:
    html = html_of(moving)
    assert "What to do" not in html
    assert '<header class="good">' in html
    assert data_of(html)["errors"] == [""]


def test_a_warning_of_the_run_is_shown() -> None:
    html = html_of(prospect(ENABLED), run=replace(RUN, warnings=["The scope read:logs is missing."]))
    assert "The scope read:logs is missing." in text_of(html)
    assert '<header class="warn">' in html


def test_more_rows_than_are_named_are_a_click_away_if_the_table_can_filter_them() -> None:
    waiting, dead = ([prospect(WAITING)] * 14, [prospect(OPENED, link=LinkState.USED_UP)] * 14)
    html = html_of(*waiting, *dead)
    assert '<a href="#status-waiting_for_domain">2 more</a>' in html
    assert " and 2 more</p>" in html


def test_a_row_of_the_page_says_when_its_link_was_opened_and_why_the_setup_does_not_go_on() -> None:
    setup = replace(WAITING, last_failure="No such record", note="Ask them.")
    data = data_of(html_of(prospect(setup)))
    assert data["rows"] == [
        [1, 0, "Ada", "ada@acme.example", "acme-saml", data["statuses"].index("waiting_for_domain"), 0,
         "2026-01-03T00:00:00Z", 0, 0]
    ]  # fmt: skip
    assert data["errors"] == ["Waiting since 4 Jan 2026, 00:00 UTC.\nLast failure: No such record\nAsk them."]
    assert data["error_title"] == "Details"


def test_the_page_offers_the_tables_and_no_link_and_is_as_strict_as_the_others() -> None:
    page = Reader(html_of(prospect(ENABLED)))
    assert [given["href"] for tag, given in page.tags if tag == "a"] == ["setups.csv", "setups.xlsx"]
    assert not [given for _, given in page.tags if given.get("id") == "reveal"]
    policy = policy_of(page)
    assert policy.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert policy["default-src"] == "'none'"


def hostile(text: str) -> ProspectSetup:
    """Return a prospect with a text in each place that has one."""
    setup = replace(WAITING, **dict.fromkeys(SETUP_TEXTS, text))
    return prospect(setup, **dict.fromkeys(TEXTS, text))


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_any_column_is_a_text_in_both_tables(formula: str) -> None:
    folder = folder_of(hostile(formula))
    (row,) = csv_rows(folder)
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "setups.xlsx").read_bytes())).active
    for name in (*TEXTS, "last_failure", "connection_id"):
        assert row[name] == "'" + printable(formula)
        cell = sheet.cell(2, SETUP_COLUMNS.index(name) + 1)
        assert (cell.value, cell.data_type) == (printable(formula), "s")


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_file_gets_a_control_character(escape: str) -> None:
    folder = folder_of(hostile(f"Ac{escape}me"), run=replace(RUN, warnings=[escape], run_id=escape))
    files = [(folder / name).read_text() for name in ("setups.csv", "setups.html", "summary.json")]
    assert not [content for content in files if escape[0] in content]


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_any_text_is_shown_and_adds_no_tag_or_attribute(markup: str) -> None:
    html = html_of(hostile(markup))
    page, harmless = Reader(html), Reader(html_of(hostile("harmless")))
    assert [(tag, set(given)) for tag, given in page.tags] == [(tag, set(given)) for tag, given in harmless.tags]
    text = printable(markup)
    assert f"“{text}”" in page.texts
    data = data_of(html)
    assert data["rows"][0][2:5] == [text] * 3
    assert data["organizations"] == [[text, text]]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from([*FORMULAS, *ESCAPES, "<b>"])
times = st.none() | st.floats(0, 4e9)
setups = st.builds(
    Setup,
    state=st.sampled_from(SetupState),
    opened=st.integers(0, 10**6),
    **dict.fromkeys(SETUP_TEXTS, texts),
    **dict.fromkeys(("first_opened_at", "last_opened_at", "connected_at", "enabled_at", "waiting_since"), times),
    seen_in=st.sampled_from([(), ("logs",), ("API",), ("logs", "API")]),
)
prospects = st.builds(
    ProspectSetup,
    setup=setups,
    link=st.sampled_from(LinkState),
    created_at=times,
    updated_at=times,
    **dict.fromkeys(TEXTS, texts),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(prospects, max_size=5))
def test_any_setups_are_written_each_once_and_in_order(prospects: list[ProspectSetup]) -> None:
    folder = folder_of(*prospects)
    written = [tuple(unguard(row[name]) for name in (*TEXTS, "setup")) for row in csv_rows(folder)]
    assert written == [(*(printable(getattr(one, name)) for name in TEXTS), one.setup.state.value) for one in prospects]
    summary = json.loads((folder / "summary.json").read_text())
    assert sum(summary["setups"].values()) == summary["rows"] == len(prospects)
    html = (folder / "setups.html").read_text()
    Reader(html)
    if prospects:
        assert [row[0] for row in data_of(html)["rows"]] == list(range(1, len(prospects) + 1))
