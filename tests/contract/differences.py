"""What is printed after the suite has run against a tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.contract.verdicts import Statement, Verdict


def report(console: Console, statements: Sequence[Statement], host: str) -> None:
    """Print a table of the statements that don't hold, those that were left out, and how many there are."""
    wrong = [one for one in statements if one.verdict in (Verdict.DIFFERS, Verdict.NOT_CHECKED)]
    if wrong:
        console.print(_table(wrong, host))
    left_out = [one for one in statements if one.verdict is Verdict.LEFT_OUT]
    for reason in dict.fromkeys(one.done for one in left_out):
        console.print(f"Left out, since {reason}:", soft_wrap=True)
        for one in left_out:
            if one.done == reason:
                console.print(f"  - {one.text}", soft_wrap=True)
    counts = Counter(one.verdict for one in statements)
    console.print("Statements that " + ", ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict))


def _table(statements: Sequence[Statement], host: str) -> Table:
    table = Table(title=f"Where {host} is not as stated", box=box.ASCII, show_lines=True, title_justify="left")
    for heading in ("statement", "source", "stated", "the tenant"):
        table.add_column(heading, overflow="fold")
    for one in statements:
        source = f"assumption: {one.assumption}" if one.assumption else "documented"
        done = f"not checked: {one.done}" if one.verdict is Verdict.NOT_CHECKED else one.done
        table.add_row(*map(Text, (one.text, source, one.stated, done)))
    return table
