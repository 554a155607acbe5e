"""
The query parameters of lists, and their pages.

Source: the Management API's documentation; the shapes are those that Auth0's SDKs read. A list is read by page or by
checkpoint, and a page has at most 100 items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dev.sandbox.errors import ErrorResponse, api_error

MAX_PER_PAGE: Final = 100
MAX_RESULTS: Final = 1_000
"""How far a list can be read by page."""

Q = TypeVar("Q", bound=BaseModel)
Item = Mapping[str, Any]


class Parameters(BaseModel):
    """Query parameters. One that isn't known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ByPage(Parameters):
    """A page by its number, from 0."""

    page: int = Field(default=0, ge=0)
    per_page: int = Field(default=50, ge=0, le=MAX_PER_PAGE)
    include_totals: bool = False

    @model_validator(mode="after")
    def _check(self) -> ByPage:
        if (self.page + 1) * self.per_page > MAX_RESULTS:
            message = f"Requesting page {self.page} exceeds the allowed maximum of {MAX_RESULTS} records"
            raise api_error(400, message, "invalid_paging")
        return self


class ByCheckpoint(Parameters):
    """The items after one that was the last of the page before."""

    take: int = Field(default=50, ge=1, le=MAX_PER_PAGE)
    from_: str | None = Field(default=None, alias="from")


class Selection(Parameters):
    """The fields that each item has."""

    fields: str = ""
    include_fields: bool = True

    def pick(self, item: Item) -> Item:
        """Return an item with the fields that are wanted, all if none is named."""
        named = {name.strip() for name in self.fields.split(",") if name.strip()}
        if not named:
            return item
        return {name: value for name, value in item.items() if (name in named) == self.include_fields}


def read_parameters(model: type[Q], given: Mapping[str, Any]) -> Q:
    """
    Return the query parameters of a call.

    :raises ErrorResponse: 400 that names the first parameter that is wrong
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise query_error(str(first["loc"][0]), first["msg"].removeprefix("Value error, ")) from error


def page_of(items: Sequence[Item], query: ByPage, name: str) -> JSONResponse:
    """Return a page: the items, or with ``include_totals`` an object that has them under a name."""
    start = query.page * query.per_page
    page = items[start : start + query.per_page]
    if not query.include_totals:
        return JSONResponse(page)
    return JSONResponse({"start": start, "limit": query.per_page, "total": len(items), name: page})


def part_of(items: Sequence[Item], query: ByCheckpoint) -> tuple[Sequence[Item], Item]:
    """
    Return the items after a checkpoint, and the field ``next`` if more of them follow.

    :param items: each with its ``id``
    :raises ErrorResponse: 400 when no item is that checkpoint
    """
    ids = [item["id"] for item in items]
    if query.from_ is not None and query.from_ not in ids:
        raise query_error("from", "It is no value that next had")
    start = 0 if query.from_ is None else ids.index(query.from_) + 1
    end = start + query.take
    following = {"next": ids[end - 1]} if end < len(items) else {}
    return items[start:end], following


def query_error(name: str, message: str) -> ErrorResponse:
    """Return the 400 for a query parameter."""
    return api_error(400, f"Query validation error: '{message}' on property {name}", "invalid_query_string")
