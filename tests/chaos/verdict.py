"""The results of the batches as a table, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from tests.chaos.batch import Outcome
from tests.chaos.mailing import MailingOutcome
from tests.chaos.plan import MAILING_TARGETS, Target


def table(outcomes: Sequence[Outcome], organizations: int) -> Table:
    """Return a table with a column for each batch and one for all."""
    title = f"Batches of {organizations} organizations, killed and resumed"
    return _table(title, [outcome.seed for outcome in outcomes], _figures(outcomes))


def mailing_table(outcomes: Sequence[MailingOutcome], prospects: int) -> Table:
    """Return the same for mailings."""
    title = f"Mailings to {prospects} prospects, whose task is killed and cleared"
    return _table(title, [outcome.seed for outcome in outcomes], _figures_of_mailings(outcomes))


def _table(title: str, seeds: Sequence[int], rows: Iterable[tuple[str, Sequence[int]]]) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    for seed in seeds:
        shown.add_column(f"seed {seed}", justify="right")
    shown.add_column("all", justify="right")
    for name, figures in rows:
        shown.add_row(name, *map(str, figures), str(sum(figures)))
    return shown


def problems_of(outcome: Outcome) -> list[str]:
    """Return what is wrong with a batch."""
    audit = outcome.audit
    if audit is None:
        return ["there was no audit"]
    counts = {
        "kills were not carried out": outcome.planned - outcome.killed.total(),
        "rows lost": audit.lost,
        "duplicates that are not flagged": audit.duplicates,
        "tickets that the ledger does not know and the report does not flag": audit.unknown,
        "tickets that neither a row nor a request in flight at a kill explains": audit.unexplained,
        "rows flagged that were in flight at no kill": len(audit.flagged - {name for name, _ in outcome.in_flight}),
        "reports that do not hold each row once": outcome.incomplete,
        "tickets created by a run that had nothing to do": outcome.created_again,
    }
    problems = [f"{count} {what}" for what, count in counts.items() if count]
    return problems if outcome.in_flight else [*problems, "no request was in flight at any kill, so nothing is shown"]


def problems_of_mailing(outcome: MailingOutcome) -> list[str]:
    """Return what is wrong with a mailing."""
    audit = outcome.audit
    if audit is None:
        return ["there was no audit"]
    counts = {
        "kills were not carried out": outcome.planned - outcome.killed.total(),
        "prospects mailed twice": audit.twice,
        "prospects without a mail and without a flag": audit.lost,
        "prospects flagged beyond one a kill": max(0, audit.flagged - outcome.killed.total()),
        "mails sent by a run that had nothing to do": outcome.mailed_again,
    }
    problems = [f"{count} {what}" for what, count in counts.items() if count]
    return problems if audit.flagged else [*problems, "no mail was under way at any kill, so nothing is shown"]


def _figures_of_mailings(outcomes: Sequence[MailingOutcome]) -> list[tuple[str, list[int]]]:
    audits = [outcome.audit for outcome in outcomes if outcome.audit]
    return [
        *((f"killed: {target.value}", [one.killed[target] for one in outcomes]) for target in MAILING_TARGETS),
        ("prospects mailed", [audit.mailed for audit in audits]),
        ("prospects flagged possibly_sent", [audit.flagged for audit in audits]),
        ("prospects mailed twice", [audit.twice for audit in audits]),
        ("prospects without a mail and without a flag", [audit.lost for audit in audits]),
        ("mails of another run afterwards", [outcome.mailed_again for outcome in outcomes]),
        ("seconds", [round(outcome.seconds) for outcome in outcomes]),
    ]


def _figures(outcomes: Sequence[Outcome]) -> list[tuple[str, list[int]]]:
    audits = [outcome.audit for outcome in outcomes if outcome.audit]
    return [
        *((f"killed: {target.value}", [outcome.killed[target] for outcome in outcomes]) for target in Target),
        ("kills", [outcome.killed.total() for outcome in outcomes]),
        ("requests in flight at the kills", [len(outcome.in_flight) for outcome in outcomes]),
        ("runs", [outcome.runs for outcome in outcomes]),
        ("clears", [outcome.clears for outcome in outcomes]),
        ("tickets created", [audit.created for audit in audits]),
        ("rows created or reused", [audit.with_ticket for audit in audits]),
        ("rows flagged duplicate_possible", [len(audit.flagged) for audit in audits]),
        ("rows lost", [audit.lost for audit in audits]),
        ("duplicates not flagged", [audit.duplicates for audit in audits]),
        ("tickets unknown to the ledger, not flagged", [audit.unknown for audit in audits]),
        ("tickets not explained by a row or a request in flight", [audit.unexplained for audit in audits]),
        ("reports without each row once", [outcome.incomplete for outcome in outcomes]),
        ("tickets created by another run afterwards", [outcome.created_again for outcome in outcomes]),
        ("requests refused (429)", [outcome.refused for outcome in outcomes]),
        ("seconds", [round(outcome.seconds) for outcome in outcomes]),
    ]
