"""Which of the ledger's tickets are to be revoked."""

from __future__ import annotations

from collections.abc import Collection

from auth0_sso.errors import Auth0RunError
from auth0_sso.ledger import open_ledger


def select_keys(
    *, ticket_ids: Collection[str] = (), organization_ids: Collection[str] = (), all_live: bool = False
) -> list[str]:
    """
    Find live tickets in the ledger; of several criteria, each adds to the selection.

    :param ticket_ids: ids of tickets, from a report.
    :param organization_ids: Auth0 organizations.
    :param all_live: whether every live ticket is wanted.
    :return: the ledger's keys, by organization.
    :raises Auth0RunError: if nothing is asked for.
    """
    if not (ticket_ids or organization_ids or all_live):
        raise Auth0RunError(
            "Nothing is selected.", advice="Set report_uri, organization_ids or all_live in the run's parameters."
        )
    wanted_tickets, wanted_organizations = set(ticket_ids), set(organization_ids)
    ledger = open_ledger()
    try:
        return [
            entry.key
            for entry in ledger.live_entries()
            if all_live
            or entry.organization_id in wanted_organizations
            or (entry.ticket is not None and entry.ticket.ticket_id in wanted_tickets)
        ]
    finally:
        ledger.close()
