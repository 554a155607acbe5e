"""
The types of single values: text, ids, domains, with their bounds.

Source of the bounds: Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from include.prospects.schema.cells import Unbroken
from include.prospects.schema.formats import (
    client_id,
    connection_name,
    domain_name,
    email_address,
    https_url,
    identifier,
    language_tag,
    listed_domain,
    organization_id,
    plain_text,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MAX_ITEMS = 1_000
"""Of a list; the API takes no more domains, and fewer of all else."""


class NotNull:
    """Marks a field that may be left out, but not be null: the model's ``None`` then means absent."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the type without its ``None``."""
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


def each_once(items: list[Any]) -> list[Any]:
    """Return the items in their order, each once: to the API, lists are sets."""
    return list(dict.fromkeys(items))


T = TypeVar("T")
IfGiven = Annotated[T | None, NotNull()]
Some = Annotated[list[T], Field(max_length=MAX_ITEMS), AfterValidator(each_once)]

ClientId = Annotated[str, Field(min_length=1), AfterValidator(client_id), Unbroken()]
Text128 = Annotated[str, Field(max_length=128), AfterValidator(plain_text)]
Text255 = Annotated[str, Field(max_length=255), AfterValidator(plain_text)]
Text256 = Annotated[str, Field(max_length=256), AfterValidator(plain_text)]
Identifier = Annotated[str, Field(max_length=255), AfterValidator(identifier)]
OrganizationId = Annotated[str, Field(max_length=50), AfterValidator(organization_id)]
ConnectionName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(connection_name)]
Domain = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(listed_domain), Unbroken()]
ProvenDomain = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(domain_name), Unbroken()]
Host = Annotated[str, Field(min_length=3, max_length=255), AfterValidator(domain_name)]
Email = Annotated[str, Field(max_length=254), AfterValidator(email_address)]
LanguageTag = Annotated[str, Field(max_length=35), AfterValidator(language_tag)]
HttpsUrl = Annotated[str, AfterValidator(https_url)]
ScimScope = Annotated[
    Literal[
        "get:users", "post:users", "put:users", "patch:users", "delete:users",
        "get:groups", "post:groups", "put:groups", "patch:groups", "delete:groups",
    ],
    Unbroken(),
]  # fmt: skip
