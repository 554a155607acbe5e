"""Requests that are given to an operator itself, instead of in a batch file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from auth0_sso.models import Organization, TicketRequest

_REQUEST = TypeAdapter(with_config(ConfigDict(extra="forbid"))(TicketRequest))


def organizations_of(requests: Sequence[TicketRequest | Mapping[str, Any]]) -> list[Organization]:
    """
    Check requests and group them by organization; ValueError names the request and the field that is wrong.

    ``row`` is a request's position, from 1. The body enables the request's organization unless it has
    ``enabled_organizations``. ``prospect`` defaults to the prospect's e-mail address, else the name, else the
    connection.
    """
    by_organization: dict[str, list[TicketRequest]] = {}
    for row, request in enumerate(requests, start=1):
        try:
            complete = _complete(_REQUEST.validate_python(request), row)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
            raise ValueError(f"Request {row} is wrong: {problems}.") from None
        by_organization.setdefault(complete.organization_id, []).append(complete)
    return [Organization(key, found[0].organization_name, found) for key, found in by_organization.items()]


def _complete(request: TicketRequest, row: int) -> TicketRequest:
    config = request.body.get("connection_config")
    name = config.get("name") if isinstance(config, Mapping) else ""
    connection = str(request.connection_name or name or request.body.get("connection_id") or "")
    return replace(
        request,
        row=row,
        connection_name=connection,
        prospect=request.prospect or request.prospect_email.lower() or request.prospect_name or connection,
        body={"enabled_organizations": [{"organization_id": request.organization_id}], **request.body},
    )
