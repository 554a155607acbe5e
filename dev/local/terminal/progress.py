"""What is going on: one line that changes, or plain lines where the output is no terminal."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from math import ceil

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_WINDOW_SECONDS = 5.0
_LINES_OF_A_BAR = 10


class Display:
    """
    Shows one thing after another, with the seconds since the display was entered.

    In a terminal it is a bar. Elsewhere there is a line whenever something else goes on, and for each tenth of a bar.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_terminal = console.is_interactive and console.file.isatty()
        self._began = time.monotonic()
        self._printed: tuple[str, int] | None = None
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not self._is_terminal)
        self._unknown = self._progress.add_task("", total=None, visible=False, detail="")
        self._bar = self._progress.add_task("", visible=False, detail="")

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._progress.stop()

    def show(self, what: str, done: int = 0, total: int = 0, detail: str = "") -> None:
        """
        Show what goes on now.

        :param done: how much of ``total`` is done; a total of 0 means that nobody knows.
        :param detail: further text, which may change often.
        """
        for bar, is_shown in ((self._unknown, not total), (self._bar, bool(total))):
            self._progress.update(bar, visible=is_shown, description=what, detail=detail)
        if total:
            self._progress.update(self._bar, completed=done, total=total)
        change = what, done * _LINES_OF_A_BAR // total if total else 0
        if not self._is_terminal and change != self._printed:
            self._printed = change
            seconds = time.monotonic() - self._began
            line = f"{seconds:4.0f} s  {what}{': ' if detail else ''}{detail}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@dataclass
class TicketRate:
    """How fast a run creates tickets, over the last five seconds since its first ticket."""

    samples: deque[tuple[float, int, int]] = field(default_factory=deque)

    def detail(self, now: float, tickets: int, total: int, requests: int) -> str:
        """
        Return tickets, rate and time left in one text.

        :param now: seconds, on a clock that never goes back.
        :param total: tickets to create.
        :param requests: that the tenant has seen.
        """
        if not tickets:
            self.samples.clear()
        self.samples.append((now, tickets, requests))
        while now - self.samples[0][0] > _WINDOW_SECONDS:
            self.samples.popleft()
        begin, tickets_then, requests_then = self.samples[0]
        parts = [f"{tickets:,} of {total:,} tickets"]
        if requests > requests_then:
            parts.append(f"{(requests - requests_then) / (now - begin):.1f} requests/s")
        if tickets_then < tickets < total:
            parts.append(f"{ceil((total - tickets) * (now - begin) / (tickets - tickets_then))} s left")
        return ", ".join(parts)
