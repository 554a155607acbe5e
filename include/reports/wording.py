"""The texts of the report: labels, headlines, and what to do about each status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from auth0_sso.models import DeliveryStatus, RevocationStatus, SetupState, TicketStatus

from include.reports.setups import SetupProblem

LABELS: dict[str, str] = {
    **{
        str(status): status.replace("_", " ")
        for status in (*TicketStatus, *RevocationStatus, *SetupState, *DeliveryStatus)
    },
    SetupState.WAITING_FOR_DOMAIN: "waiting for a domain",
}
"""The statuses of all reports, in words."""


@dataclass(frozen=True)
class Remedy:
    """
    What to do about rows of one kind.

    :param title: goes after the number of rows: "3 rows *failed*".
    """

    title: str
    text: str


DUPLICATE_POSSIBLE = Remedy(
    "possibly issued twice",
    "Another link may work besides the one in the report: a response of Auth0 was lost, or an older link had only just "
    "expired and may have been opened before. Send only the link in the report. The other one expires by itself, at "
    "the latest five hours after it was first opened.",
)

REPLACED = Remedy(
    "with a new link in place of a valid one",
    "The earlier link was revoked, because its row has changed or on_existing is reissue. If it was mailed, mail the "
    "new one: the earlier one no longer works.",
)

TICKET_REMEDIES: dict[str, Remedy] = {
    TicketStatus.FAILED: Remedy(
        "failed",
        "Fix what the error names: if Auth0 refused the request, fix these rows in the CSV. Then trigger the DAG again "
        "with the same CSV. Prospects that have a valid link keep it.",
    ),
    TicketStatus.NOT_ATTEMPTED: Remedy(
        "not attempted",
        "The run ended before their requests. Fix what the log of the first failed task names, then trigger the DAG "
        "again with the same CSV. Prospects that have a valid link keep it.",
    ),
    TicketStatus.INVALID: Remedy(
        "invalid in the CSV",
        "Nothing was sent for these rows. Fix the cells that the error names in the CSV, then trigger the DAG again.",
    ),
    TicketStatus.CONFLICT: Remedy(
        "with an existing connection",
        "A connection of that name exists already. If it is this prospect's, SSO is set up; but a connection "
        "with domain verification is not enabled before its domain is verified, which can take 24 to 48 hours, and "
        "one without enabled_clients only by somebody in the Auth0 dashboard. "
        "For a link with which the customer can finish it, run again with on_conflict=edit, or press Create a link to "
        "finish on the page Customers; both need follow_sso_setups. To change it, give its connection_id. If it is not "
        "this prospect's, give the row another connection_name.",
    ),
}

REVOCATION_REMEDIES: dict[str, Remedy] = {
    RevocationStatus.FAILED: Remedy(
        "not revoked", "These links may still be valid. Fix what the error names and trigger the DAG again."
    ),
    RevocationStatus.NOT_ATTEMPTED: Remedy(
        "not attempted",
        "The run ended before their requests, so these links may still be valid. Fix what the log of the first failed "
        "task names, then trigger the DAG again.",
    ),
}

SETUP_REMEDIES: dict[SetupProblem, Remedy] = {
    SetupProblem.WAITING_FOR_DOMAIN: Remedy(
        "waiting for a domain",
        "The connection exists, and can't be enabled before a domain is verified. Ask the customer to add the DNS "
        "record that the page of their link shows; Auth0 may need 24 to 48 hours to see it.",
    ),
    SetupProblem.CONNECTED: Remedy(
        "connected but not enabled",
        "The connection exists, and nobody can log in with it yet. While the link is valid, the customer opens it "
        "again and chooses Enable Connection. A link that was made without enabled_clients has no such button: then "
        "enable the connection in the Auth0 dashboard.",
    ),
    SetupProblem.DEAD_LINK: Remedy(
        "not connected, and the link is used up or has expired",
        "The link opens nothing any more. The next run of create_sso_tickets with these prospects replaces it. Then "
        "mail the new link.",
    ),
    SetupProblem.FAILED: Remedy(
        "not connected, and the last step has failed",
        "Auth0 refused what the customer tried. Ask the customer what they see, and look for the connection's name in "
        "the logs of the Auth0 dashboard.",
    ),
}


def plural(count: int, noun: str) -> str:
    """Return "1 row", "2,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ticket_headline(counts: dict[str, int], total: int) -> str:
    """Return the result of a run in one line; ``counts`` are rows by status."""
    if total == 0:
        return "No prospects in this run"
    prospects = plural(total, "prospect")
    if counts["planned"]:
        return f"Dry run: {counts['planned']:,} of {prospects} would get a link"
    linked, finished = counts["created"] + counts["reused"], counts["finished"]
    others = f", {finished:,} {'has' if finished == 1 else 'have'} finished" if finished else ""
    return f"{linked:,} of {prospects} {'has' if linked == 1 else 'have'} a link{others}"


def revocation_headline(counts: dict[str, int], total: int) -> str:
    """Return the result of a run that revokes in one line; ``counts`` are rows by status."""
    if total == 0:
        return "No links to revoke"
    links = plural(total, "link")
    if counts["planned"]:
        return f"Dry run: {counts['planned']:,} of {links} would be revoked"
    ended = counts["revoked"] + counts["replaced"] + counts["expired"]
    return f"{ended:,} of {links} {'is' if ended == 1 else 'are'} no longer valid"


def setup_headline(counts: dict[str, int], total: int) -> str:
    """Return how many customers have finished in one line; ``counts`` are rows by the state of their setup."""
    if total == 0:
        return "No prospects to follow"
    enabled = counts["enabled"]
    verb = "has" if 1 in (enabled, total) else "have"
    return f"{enabled:,} of {plural(total, 'prospect')} {verb} finished the setup"


def utc_text(iso: str) -> str:
    """Write an ISO 8601 time as "24 Nov 2026, 09:05 UTC"; any other text stays as it is."""
    try:
        moment = datetime.fromisoformat(iso)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return iso
    return f"{moment:%d %b %Y, %H:%M} UTC".lstrip("0")


def duration_text(seconds: float) -> str:
    """Write a duration as "8.4 s", "3 min 20 s" or "2 h 5 min"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def span_text(seconds: float) -> str:
    """Write a time between two moments in its largest unit, as "1.4 days", "1 hour" or "40 seconds"."""
    units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)]
    noun, size = next((unit for unit in units if seconds >= unit[1]), units[-1])
    count = f"{seconds / size:,.1f}".removesuffix(".0")
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"
