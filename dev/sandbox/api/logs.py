"""
``GET /api/v2/logs``: the tenant's log, by search or by checkpoint.

Source: Auth0's page "Retrieve Logs Using the Management API". By checkpoint, all parameters but two are ignored, and
every event comes, in the order of ``log_id``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, PlainValidator

from dev.sandbox.api.log_query import parse_log_query
from dev.sandbox.api.management import Call, Endpoint
from dev.sandbox.api.paging import ByCheckpoint, ByPage, Selection, page_of, read_parameters
from dev.sandbox.tenant.logs import Matches
from dev.sandbox.tenant.state import TenantState


class _Search(ByPage, Selection):
    matches: Annotated[Matches, PlainValidator(parse_log_query)] = Field(
        default_factory=lambda: parse_log_query(""), alias="q"
    )
    sort: Literal["date:1", "date:-1"] = "date:-1"


class _Checkpoint(ByCheckpoint):
    model_config = ConfigDict(extra="ignore")


def _check(tenant: TenantState, call: Call) -> None:
    given = dict(call.request.query_params)
    call.query = read_parameters(_Checkpoint if {"from", "take"} & given.keys() else _Search, given)


def _list_logs(tenant: TenantState, call: Call) -> Response:
    return _by_search(tenant, call.query) if isinstance(call.query, _Search) else _by_checkpoint(tenant, call)


def _by_search(tenant: TenantState, query: _Search) -> Response:
    found = tenant.logs.search(query.matches)
    in_order = found if query.sort == "date:1" else found[::-1]
    return page_of([query.pick(event) for event in in_order], query, "logs")


def _by_checkpoint(tenant: TenantState, call: Call) -> Response:
    query: _Checkpoint = call.query
    events = [event for event in tenant.logs.events() if event["log_id"] > (query.from_ or "")][: query.take]
    response = JSONResponse(events)
    if events:
        url = call.request.url.include_query_params(**{"from": events[-1]["log_id"], "take": query.take})
        response.headers["Link"] = f'<{url}>; rel="next"'
    return response


LOG_ENDPOINTS: Final = (
    Endpoint(route="logs", method="GET", path="/api/v2/logs", scope="read:logs", check=_check, do=_list_logs),
)
