"""Rows whose link ends before the last step, since no application is named."""

from __future__ import annotations

from collections.abc import Iterable

from auth0_sso.models import TicketRequest

from include.prospects.rows.row_warnings import row_warning


def clients_warning(valid: Iterable[TicketRequest], has_default: bool) -> list[str]:
    """
    Return a warning about the rows that set no ``enabled_clients``; none without such rows.

    A ticket that edits a connection doesn't need them.

    :param has_default: whether the run or the connection to Auth0 has client ids for them.
    """
    if has_default:
        return []
    rows = (request.row for request in valid if _lacks_clients(request))
    return row_warning(
        "without enabled_clients, Auth0's assistant shows the customer no button 'Enable Connection', and somebody must"
        " enable the connection by hand: set the column enabled_clients, the run's parameter, or the extra of the"
        " connection to Auth0",
        ((row, "") for row in rows),
    )


def _lacks_clients(request: TicketRequest) -> bool:
    return not (request.body.get("enabled_clients") or request.body.get("connection_id"))
