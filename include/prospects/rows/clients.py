"""Rows whose link ends before the last step, since no application is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from include.prospects.rows.warnings import row_warning


class Request(Protocol):
    """The part of a prospect that is looked at."""

    @property
    def row(self) -> int:
        """The number of its row."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The body of its request."""


def clients_warning(valid: Iterable[Request], has_default: bool) -> list[str]:
    """
    Return a warning about the rows that set no ``enabled_clients``; none without such rows.

    A ticket that edits a connection doesn't need them.

    :param has_default: whether the run or the connection to Auth0 has client ids for them.
    """
    if has_default:
        return []
    rows = (prospect.row for prospect in valid if _lacks_clients(prospect))
    return row_warning(
        "without enabled_clients, Auth0's assistant shows the customer no button 'Enable Connection', and somebody must"
        " enable the connection by hand: set the column enabled_clients, the run's parameter, or the extra of the"
        " connection to Auth0",
        ((row, "") for row in rows),
    )


def _lacks_clients(prospect: Request) -> bool:
    return not (prospect.body.get("enabled_clients") or prospect.body.get("connection_id"))
