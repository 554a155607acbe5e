"""The request body of the ticket endpoint, and a CSV row, as typed models.

Source of the fields and bounds: Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket. A field
that the API gains is one line here: its column, its cell grammar and its checks follow from the type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from include.prospects.schema.formats import (
    connection_name,
    domain_name,
    email_address,
    https_url,
    identifier,
    organization_id,
    plain_text,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MAX_TTL_SEC = 432_000
"""Five days, in seconds: the longest lifetime of a ticket, and the API's default."""

MOST_ITEMS = 1_000
"""Of a list; the API takes no more domains, and fewer of all else."""


class NotNull:
    """Marks a field that may be left out, but not be null: the model's ``None`` then means absent."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the type without its ``None``."""
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


T = TypeVar("T")
IfGiven = Annotated[T | None, NotNull()]
Some = Annotated[list[T], Field(max_length=MOST_ITEMS)]

NonEmptyText = Annotated[str, Field(min_length=1), AfterValidator(plain_text)]
Text128 = Annotated[str, Field(max_length=128), AfterValidator(plain_text)]
Text255 = Annotated[str, Field(max_length=255), AfterValidator(plain_text)]
Text256 = Annotated[str, Field(max_length=256), AfterValidator(plain_text)]
Identifier = Annotated[str, Field(max_length=255), AfterValidator(identifier)]
OrganizationId = Annotated[str, Field(max_length=50), AfterValidator(organization_id)]
ConnectionName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(connection_name)]
Domain = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(domain_name)]
Host = Annotated[str, Field(min_length=3, max_length=255), AfterValidator(domain_name)]
Email = Annotated[str, Field(max_length=254), AfterValidator(email_address)]
HttpsUrl = Annotated[str, AfterValidator(https_url)]
ScimScope = Literal[
    "get:users", "post:users", "put:users", "patch:users", "delete:users",
    "get:groups", "post:groups", "put:groups", "patch:groups", "delete:groups",
]  # fmt: skip


class Strict(BaseModel):
    """No unknown fields, no conversions: a JSON ``"1"`` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class IdpInitiated(Strict):
    """Log-in that starts at the customer's identity provider."""

    enabled: IfGiven[bool] = None
    client_id: IfGiven[Identifier] = None
    client_protocol: IfGiven[Literal["samlp", "wsfed", "oauth2"]] = None
    client_authorizequery: IfGiven[Text256] = None


class ConnectionOptions(Strict):
    """Options of the connection to be made."""

    icon_url: HttpsUrl | None = None
    domain_aliases: Some[Domain] | None = None
    idpinitiated: IdpInitiated | None = None


class ConnectionConfig(Strict):
    """The connection to be made."""

    name: ConnectionName
    display_name: IfGiven[Text128] = None
    is_domain_connection: IfGiven[bool] = None
    show_as_button: IfGiven[bool] = None
    metadata: IfGiven[Annotated[dict[Text255, Text255 | None], Field(max_length=10)]] = None
    options: ConnectionOptions | None = None


class EnabledOrganization(Strict):
    """An organization whose members may use the connection."""

    organization_id: OrganizationId
    assign_membership_on_login: IfGiven[bool] = None
    show_as_button: IfGiven[bool] = None


class DomainAliasesConfig(Strict):
    """The domains that the customer has to verify."""

    domain_verification: Literal["none", "optional", "required"]
    pending_domains: IfGiven[Some[Domain]] = None


class GoogleWorkspaceConfig(Strict):
    """Directory sync with Google Workspace."""

    sync_users: bool
    sync_groups: IfGiven[bool] = None


class ProvisioningConfig(Strict):
    """Provisioning of users and groups; ``token_lifetime`` in seconds, null for tokens that never expire."""

    scopes: IfGiven[Annotated[list[ScimScope], Field(min_length=1, max_length=MOST_ITEMS)]] = None
    google_workspace: IfGiven[GoogleWorkspaceConfig] = None
    token_lifetime: Annotated[int, Field(ge=900)] | None = None


class EnabledFeatures(Strict):
    """What the holder of an edit ticket may change."""

    sso: IfGiven[bool] = None
    domain_verification: IfGiven[bool] = None
    provisioning: IfGiven[bool] = None


class ThirdPartyClientAccessConfig(Strict):
    """Whether the customer may open the connection to third-party applications."""

    allow_configuration: bool


class TicketRequest(Strict):
    """The JSON body of the request for one ticket."""

    connection_id: IfGiven[Identifier] = None
    connection_config: IfGiven[ConnectionConfig] = None
    enabled_clients: IfGiven[Some[NonEmptyText]] = None
    enabled_organizations: IfGiven[Some[EnabledOrganization]] = None
    ttl_sec: IfGiven[Annotated[int, Field(ge=0, le=MAX_TTL_SEC)]] = None
    domain_aliases_config: IfGiven[DomainAliasesConfig] = None
    provisioning_config: IfGiven[ProvisioningConfig] = None
    use_for_organization_discovery: IfGiven[bool] = None
    enabled_features: IfGiven[EnabledFeatures] = None
    third_party_client_access_config: IfGiven[ThirdPartyClientAccessConfig] = None


class ProspectRow(TicketRequest):
    """A row of the CSV: the request body and, beside it, the columns that are no part of it."""

    organization_id: OrganizationId
    organization_name: IfGiven[Text255] = None
    prospect_name: IfGiven[Text255] = None
    prospect_email: IfGiven[Email] = None
    profile_id: IfGiven[Identifier] = None
    custom_domain: IfGiven[Host] = None
    assign_membership_on_login: IfGiven[bool] = None
    organization_show_as_button: IfGiven[bool] = None


OWN_COLUMNS = frozenset(ProspectRow.model_fields) - frozenset(TicketRequest.model_fields)
"""The row's columns that are not in the request body."""
