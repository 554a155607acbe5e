"""What goes on is shown: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dev.local.terminal.progress import Display, TicketRate


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def display(lines: io.StringIO) -> Display:
    return Display(Console(file=lines, width=40))


def texts(lines: io.StringIO) -> list[str]:
    """Return the plain lines without their seconds."""
    return [line.partition(" s  ")[2] for line in lines.getvalue().splitlines()]


def test_without_a_terminal_each_change_is_one_line(display: Display, lines: io.StringIO) -> None:
    with display:
        for missing in ("API server", "API server", "scheduler, DAG processor", "scheduler, DAG processor"):
            display.show(f"Waiting for Airflow: {missing}")
    assert texts(lines) == ["Waiting for Airflow: API server", "Waiting for Airflow: scheduler, DAG processor"]


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"])
def test_a_piped_output_has_no_control_characters_whatever_the_environment_says(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with Display(Console(file=lines)) as display:
        display.show("create_tickets", 3, 12, "3 of 12 tickets, 6.0 requests/s, 2 s left")
    assert texts(lines) == ["create_tickets: 3 of 12 tickets, 6.0 requests/s, 2 s left"]
    assert lines.getvalue().rstrip("\n").isprintable()


def test_a_terminal_shows_a_bar_that_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    with Display(Console(file=screen, width=120)) as display:
        display.show("create_tickets", 6, 12, "6 of 12 tickets")
    shown = screen.getvalue()
    assert "━" in shown
    assert "6 of 12 tickets" in shown
    assert "\x1b[2K" in shown, "the line is erased"


def test_rate_and_time_left_follow_from_the_last_seconds() -> None:
    rate = TicketRate()
    assert rate.detail(0.0, 0, 1_200, 1) == "0 of 1,200 tickets"
    assert rate.detail(2.0, 0, 1_200, 3) == "0 of 1,200 tickets"
    assert rate.detail(4.0, 20, 1_200, 31) == "20 of 1,200 tickets, 14.0 requests/s, 118 s left"
    assert rate.detail(8.0, 100, 1_200, 111) == "100 of 1,200 tickets, 20.0 requests/s, 55 s left"
    assert rate.detail(12.5, 1_199, 1_200, 1_210) == "1,199 of 1,200 tickets, 244.2 requests/s, 1 s left"
    assert rate.detail(20.0, 1_200, 1_200, 1_211) == "1,200 of 1,200 tickets"
