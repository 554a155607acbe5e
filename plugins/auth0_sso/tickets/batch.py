"""
The batch file that a mapped task works on, written by the task that plans the run.

To create tickets it is ``{"label": str, "organizations": [{"organization_id", "organization_name", "requests"}]}``,
the requests with the fields of :class:`~auth0_sso.models.TicketRequest`; to revoke them ``{"label": str, "tickets":
[{"key", "created_at"}]}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from pydantic import Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.ledger.records import Entry, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import IssuedTicket, Organization, TicketRequest
from auth0_sso.runtime.storage import storage_path

T = TypeVar("T")


@dataclass(frozen=True)
class RequestGroup:
    """The requests of one prospect, which share a ticket; the first one is sent."""

    specs: list[TicketSpec]

    @property
    def first(self) -> TicketSpec:
        """The request that is sent."""
        return self.specs[0]

    @property
    def requests(self) -> list[TicketRequest]:
        """The requests as they were given."""
        return [spec.request for spec in self.specs]

    def led_by(self, entry: Entry | None, now: float) -> RequestGroup:
        """Put the request of the valid ticket first, so that another order of rows keeps that ticket."""
        if entry is None or not entry.is_valid(now):
            return self
        return RequestGroup(sorted(self.specs, key=lambda spec: spec.fingerprint != entry.fingerprint))


class _Body(TypedDict, total=False):
    """The fields of a request's body that are read here; the API checks the rest."""

    ttl_sec: Annotated[int, Strict()] | None
    connection_id: str | None
    connection_config: dict[str, Any] | None
    domain_aliases_config: dict[str, Any] | None
    provisioning_config: dict[str, Any] | None
    enabled_clients: list[str] | None
    enabled_organizations: list[dict[str, Any]] | None


_BODY = TypeAdapter(_Body)


def body_problem(spec: TicketSpec) -> str:
    """Return why a request can't be sent: its body has values of a wrong type, or no JSON; empty if it is right."""
    try:
        _BODY.validate_python(spec.request.body)
        json.dumps(spec.body, ensure_ascii=False).encode()
        _ = spec.key, spec.fingerprint
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, ('body', *one['loc'])))}: {one['msg']}" for one in error.errors())
    except (TypeError, ValueError, RecursionError) as error:
        wrong = f"body: {error}"
    else:
        return ""
    return f"The request is wrong, so it was not sent: {wrong}. Fix it where it is made."


def spec_of(
    request: TicketRequest, settings: Auth0Settings, profile_id: str = "", enabled_clients: Sequence[str] = ()
) -> TicketSpec:
    """Return a request with the defaults of the run, ``profile_id`` and ``enabled_clients``, and of the connection."""
    return TicketSpec(
        request,
        settings.domain,
        request.profile_id or profile_id or settings.profile_id,
        (request.custom_domain or settings.custom_domain).lower(),
        enabled_clients or settings.enabled_clients,
    )


def recognized(ledger: Ledger, specs: Iterable[TicketSpec]) -> list[TicketSpec]:
    """
    Return requests with their prospects as the ledger knows them.

    A prospect is a person, and the connection if its row names one that is not the default. The default changes with
    the organization's name. So the same person and connection may come in two forms, with the connection and
    without. The one whose entry is for the connection counts; else the shorter one of those given.
    """
    given = [(spec, *_forms(spec)) for spec in specs]
    known = ledger.connection_names([form.key for _, *forms in given for form in forms])
    chosen: dict[tuple[str, str], str] = {}
    for spec, short, long in given:
        person = (short.key, spec.connection)
        matching = [form for form in (spec, short, long) if known.get(form.key) == spec.connection]
        prospect = (matching[0] if matching else spec).request.prospect
        before = chosen.setdefault(person, prospect)
        if not matching and len(prospect) < len(before):
            chosen[person] = prospect
    return [_named(spec, chosen[short.key, spec.connection]) for spec, short, _ in given]


def _forms(spec: TicketSpec) -> tuple[TicketSpec, TicketSpec]:
    """Return a request with its prospect without the connection, and with it."""
    suffix = f"|{spec.connection}" if spec.connection else ""
    short = spec.request.prospect.removesuffix(suffix)
    return _named(spec, short), _named(spec, short + suffix)


def _named(spec: TicketSpec, prospect: str) -> TicketSpec:
    if prospect == spec.request.prospect:
        return spec
    return replace(spec, request=replace(spec.request, prospect=prospect))


def group_requests(specs: Iterable[TicketSpec]) -> list[RequestGroup]:
    """Group requests by prospect, in the order of each one's first request."""
    by_key: dict[str, RequestGroup] = {}
    for spec in specs:
        by_key.setdefault(spec.key, RequestGroup([])).specs.append(spec)
    return list(by_key.values())


def read_batch(uri: str, sha256: str = "") -> list[Organization]:
    """
    Read a batch of requests.

    :param uri: a path, or a URI of object storage.
    :param sha256: the digest of the file as it was written; empty: any file will do.
    :raises Auth0RunError: if it can't be read, or was changed since.
    """
    return _read(uri, sha256, _organizations_in)


def read_tickets(uri: str, sha256: str = "") -> list[IssuedTicket]:
    """Read a batch of tickets, as :func:`read_batch` does."""
    return _read(uri, sha256, _tickets_in)


def _organizations_in(batch: Mapping[str, Any]) -> list[Organization]:
    return [
        Organization(
            organization["organization_id"],
            organization["organization_name"],
            [TicketRequest(**request) for request in organization["requests"]],
        )
        for organization in batch["organizations"]
    ]


def _tickets_in(batch: Mapping[str, Any]) -> list[IssuedTicket]:
    return [IssuedTicket(ticket["key"], ticket["created_at"]) for ticket in batch["tickets"]]


def _read(uri: str, sha256: str, parse: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        content = storage_path(uri, "It").read_bytes()
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise Auth0RunError(
                f"The batch {uri} is not as the run was planned, so nothing of it is sent.",
                advice="Find out who has changed it, and who may write to the run's folder. Then clear the task that "
                "plans the run and all that follows it.",
            )
        return parse(json.loads(content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Auth0RunError(
            f"The batch {uri} can't be read: {type(error).__name__}: {error}.",
            advice="Clear the task that plans the run, which writes it; all workers must reach the run's folder.",
        ) from None
