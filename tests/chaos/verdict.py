"""What the batches came to: the table, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from tests.chaos.batch import Outcome
from tests.chaos.plan import Target


def table(outcomes: Sequence[Outcome], organizations: int) -> Table:
    """Return the table of what each batch came to, and all together."""
    shown = Table(title=f"Batches of {organizations} organizations, killed and resumed", title_justify="left")
    shown.add_column("")
    for outcome in outcomes:
        shown.add_column(f"seed {outcome.seed}", justify="right")
    shown.add_column("all", justify="right")
    for name, figures in _figures(outcomes):
        shown.add_row(name, *map(str, figures), str(sum(figures)))
    return shown


def complaints_of(outcome: Outcome) -> list[str]:
    """Return what is wrong with a batch; nothing, if it proves what it is run for."""
    books = outcome.books
    if books is None:
        return ["the books were not balanced"]
    broken = {
        "kills were not carried out": outcome.planned - outcome.killed.total(),
        "rows lost": books.lost,
        "duplicates that are not flagged": books.doubled,
        "tickets that the ledger does not know and the report does not flag": books.unknown,
        "tickets that neither a row nor a request in flight at a kill explains": books.unexplained,
        "rows flagged that were in flight at no kill": len(books.flagged - {name for name, _ in outcome.in_flight}),
        "reports that do not hold each row once": outcome.incomplete,
        "tickets made by a run that had nothing to do": outcome.made_again,
    }
    said = [f"{count} {what}" for what, count in broken.items() if count]
    return said if outcome.in_flight else [*said, "no request was in flight at any kill, so nothing is shown"]


def _figures(outcomes: Sequence[Outcome]) -> list[tuple[str, list[int]]]:
    books = [outcome.books for outcome in outcomes if outcome.books]
    return [
        *((f"killed: {target.value}", [outcome.killed[target] for outcome in outcomes]) for target in Target),
        ("kills", [outcome.killed.total() for outcome in outcomes]),
        ("requests in flight at the kills", [len(outcome.in_flight) for outcome in outcomes]),
        ("runs", [outcome.runs for outcome in outcomes]),
        ("clears", [outcome.clears for outcome in outcomes]),
        ("tickets made", [book.made for book in books]),
        ("rows created or reused", [book.settled for book in books]),
        ("rows flagged duplicate_possible", [len(book.flagged) for book in books]),
        ("rows lost", [book.lost for book in books]),
        ("duplicates not flagged", [book.doubled for book in books]),
        ("tickets unknown to the ledger, not flagged", [book.unknown for book in books]),
        ("tickets not explained by a row or a request in flight", [book.unexplained for book in books]),
        ("reports without each row once", [outcome.incomplete for outcome in outcomes]),
        ("tickets made by another run afterwards", [outcome.made_again for outcome in outcomes]),
        ("requests refused (429)", [outcome.refused for outcome in outcomes]),
        ("seconds", [round(outcome.seconds) for outcome in outcomes]),
    ]
