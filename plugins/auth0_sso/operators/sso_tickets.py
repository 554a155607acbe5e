"""The operators that create and revoke self-service SSO access tickets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.identifiers import client_ids
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import Outcome, RevocationOutcome, TicketRequest, is_true
from auth0_sso.operators.base import SsoTicketsOperator
from auth0_sso.operators.given_requests import organizations_of
from auth0_sso.tickets.batch import read_batch, read_tickets
from auth0_sso.tickets.decide import Policy
from auth0_sso.tickets.issue import TicketIssuer
from auth0_sso.tickets.revoke import TicketRevoker
from auth0_sso.tickets.selection import select_tickets


class CreateSsoTicketsOperator(SsoTicketsOperator):
    """
    Create access tickets, those of a list of requests or of a batch file.

    It sends at the rate of its pool slots, records an intent in the ledger before each request and the result after it,
    and reuses valid tickets. A retry sends only what is not finished. The outcomes are pushed as XCom ``return_value``
    also when the task fails: a list of ``{"organization_id", "organization_name", "tickets": [outcome, …]}`` with the
    report's columns, **ticket URLs among them**. XCom ``stats`` says what was sent when, one entry a try.

    :param requests: :class:`TicketRequest` objects, or mappings with their fields; ``organization_id`` and ``body`` are
        needed. (templated)
    :param profile_id: self-service profile of requests that name none; empty: the connection's. (templated)
    :param enabled_clients: client ids for requests that set none, as a list or as text with semicolons between them;
        empty: the connection's. Without one, Auth0 shows the customer no *Enable Connection* button. (templated)
    :param on_existing: ``reuse`` a valid ticket, or ``reissue``: revoke it, then create. (templated)
    :param on_conflict: ``report`` a connection that exists and is not enabled, or ``edit``: create a ticket that
        finishes it, if the setups are followed. (templated)
    :param one_link_per_connection: whether the valid tickets are revoked first that other prospects have for the same
        connection; not those of prospects in the same batch. (templated)
    :raises Auth0RowError: if Auth0 refused a request; the others are done.
    :raises Auth0RunError: if nothing can succeed until settings are fixed.
    :raises Auth0TransientError: if Auth0 was busy, down or out of reach for too long, or the task was ended early.
    :raises ValueError: if a request is wrong, or not exactly one of ``requests`` and ``batch`` is given.
    """

    template_fields: Sequence[str] = (
        *SsoTicketsOperator.template_fields,
        "requests",
        "profile_id",
        "enabled_clients",
        "on_existing",
        "on_conflict",
        "one_link_per_connection",
    )

    def __init__(
        self,
        *,
        requests: Sequence[TicketRequest | Mapping[str, Any]] | None = None,
        profile_id: str = "",
        enabled_clients: Sequence[str] | str = (),
        on_existing: str = "reuse",
        on_conflict: str = "report",
        one_link_per_connection: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = requests
        self.profile_id = profile_id
        self.enabled_clients = enabled_clients
        self.on_existing = on_existing
        self.on_conflict = on_conflict
        self.one_link_per_connection = one_link_per_connection

    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> TicketIssuer:
        """Return the issuer of the tickets."""
        if self.batch is not None and self.requests is None:
            organizations = read_batch(self.batch["batch"], self.batch.get("sha256", ""))
        elif self.batch is None and self.requests is not None:
            organizations = organizations_of(self.requests)
        else:
            raise ValueError(f"Task {self.task_id} needs one of requests and batch.")
        return TicketIssuer(
            organizations,
            hook,
            ledger,
            attempt,
            profile_id=self.profile_id,
            enabled_clients=client_ids(self.enabled_clients),
            policy=Policy(reissue=self.on_existing == "reissue", edit=self.on_conflict == "edit"),
            one_link_per_connection=is_true(self.one_link_per_connection),
            dry_run=self.is_plan_only,
        )


class RevokeSsoTicketsOperator(SsoTicketsOperator):
    """
    Revoke tickets that the ledger knows: of a list of outcomes, of organizations, or of a batch file.

    The results are pushed as XCom ``return_value`` also when the task fails, see
    :class:`~auth0_sso.models.RevocationOutcome`.

    :param tickets: what :class:`CreateSsoTicketsOperator` returned, mapped or not, or outcomes of it, with
        ``ticket_id`` and ``expires_at``. No rendered field shows it, since it has links in it. (templated)
    :param organization_ids: organizations whose valid tickets are revoked, added to ``tickets``. (templated)
    :raises Auth0RowError: if Auth0 refused to revoke a ticket; the others are done.
    :raises Auth0RunError: if nothing can succeed until settings are fixed, or nothing is selected.
    :raises Auth0TransientError: if Auth0 was busy, down or out of reach for too long, or the task was ended early.
    :raises ValueError: if one of these has text in it, which a template renders by default, or comes beside ``batch``;
        or if ``tickets`` is a function.
    """

    template_fields: Sequence[str] = (*SsoTicketsOperator.template_fields, "tickets", "organization_ids")

    def __init__(
        self,
        *,
        tickets: Sequence[Mapping[str, Any]] = (),
        organization_ids: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if callable(tickets):  # Airflow would call it and show what it returns
            raise ValueError(f"Task {self.task_id}: tickets must be a list or what a task returns, not a function.")
        self.tickets: Any = tickets
        self.organization_ids = organization_ids

    def render_template(self, content: Any, *more: Any, **named: Any) -> Any:
        """Render a field; of ``tickets`` the UI shows no more than that it is not shown."""
        rendered = super().render_template(content, *more, **named)
        return Unshown(rendered) if content is self.tickets else rendered

    def work(self, hook: Auth0Hook, ledger: Ledger, attempt: RunAttempt) -> TicketRevoker:
        """Return the revoker of the tickets."""
        tickets = self.tickets.value if isinstance(self.tickets, Unshown) else self.tickets
        for name, given in (("tickets", tickets), ("organization_ids", self.organization_ids)):
            if isinstance(given, str) or (given and self.batch is not None):
                raise ValueError(f"Task {self.task_id}: {name} must be a list, and can't be given beside batch.")
        finished: list[RevocationOutcome] = []
        if self.batch is not None:
            selected = read_tickets(self.batch["batch"], self.batch.get("sha256", ""))
        else:
            reported = [Outcome.from_dict(outcome) for outcome in _outcomes_in(tickets)]
            selected, finished = select_tickets(attempt, reported=reported, organization_ids=self.organization_ids)
        return TicketRevoker(
            selected,
            hook,
            ledger,
            attempt,
            finished=finished,
            dry_run=self.is_plan_only,
        )


class Unshown:
    """A value that may have links in it: as text, as a rendered field shows it, it is the same for each value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "not shown: it may have links in it"


def _outcomes_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the outcomes in what one operator or several, or the instances of a mapped one, have returned."""
    if isinstance(value, Mapping):
        yield from _outcomes_in(value["tickets"]) if "tickets" in value else (value,)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for item in value:
            yield from _outcomes_in(item)
    elif value is not None:  # what a skipped task has returned
        raise ValueError("tickets must be a list of what CreateSsoTicketsOperator returns, or of outcomes.")
