"""The rows of the report of setups: each prospect once, with what its customer has done with the link."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from auth0_sso.models import LinkState, SetupState, iso

if TYPE_CHECKING:
    from auth0_sso.models import ProspectSetup

_DEAD_LINKS = (LinkState.USED_UP, LinkState.EXPIRED)


class SetupProblem(StrEnum):
    """Why a setup does not go on by itself; a row has the first that is true of it."""

    WAITING_FOR_DOMAIN = "waiting_for_domain"
    CONNECTED = "connected"  # and not enabled
    DEAD_LINK = "dead_link"  # used up or expired, without a connection
    FAILED = "failed"  # what the customer tried last


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupRow:
    """
    A prospect's row; times are ISO 8601 in UTC to the second, empty for what has not happened as far as is known.

    The fields but ``note`` are the columns of ``setups.csv``.

    :param seen_in: ``logs``, ``API``, ``logs, API`` or empty.
    """

    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    link: LinkState
    setup: SetupState
    opened: int
    last_opened_at: str
    connected_at: str
    enabled_at: str
    waiting_since: str
    last_failure: str
    connection_id: str
    seen_in: str
    updated_at: str
    note: str

    @classmethod
    def of(cls, prospect: ProspectSetup) -> Self:
        """Return the row of a prospect."""
        setup = prospect.setup
        return cls(
            organization_id=prospect.organization_id,
            organization_name=prospect.organization_name,
            prospect_name=prospect.prospect_name,
            prospect_email=prospect.prospect_email,
            connection_name=prospect.connection_name,
            link=prospect.link,
            setup=setup.state,
            opened=setup.opened,
            last_opened_at=iso(setup.last_opened_at),
            connected_at=iso(setup.connected_at),
            enabled_at=iso(setup.enabled_at),
            waiting_since=iso(setup.waiting_since),
            last_failure=setup.last_failure,
            connection_id=setup.connection_id,
            seen_in=", ".join(setup.seen_in),
            updated_at=iso(prospect.updated_at),
            note=setup.note,
        )

    @property
    def status(self) -> SetupState:
        """What the page counts and filters the rows by."""
        return self.setup

    @property
    def problem(self) -> SetupProblem | None:
        """Why the setup does not go on by itself; None if it may, or has ended."""
        if self.setup == SetupState.ENABLED:
            return None
        if self.setup == SetupState.WAITING_FOR_DOMAIN:
            return SetupProblem.WAITING_FOR_DOMAIN
        if self.setup == SetupState.CONNECTED:
            return SetupProblem.CONNECTED
        if self.link in _DEAD_LINKS:
            return SetupProblem.DEAD_LINK
        return SetupProblem.FAILED if self.last_failure else None

    @property
    def needs_work(self) -> bool:
        """Whether a person has to do something about the row."""
        return self.problem is not None


SETUP_COLUMNS = tuple(column.name for column in fields(SetupRow) if column.name != "note")
"""The columns of ``setups.csv``, in order."""
