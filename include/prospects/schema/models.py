"""
The request body of the ticket endpoint, and a CSV row, as typed models.

Source of the fields and bounds: Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket. A field
that the API gains is one entry here: its column, its cell grammar and its checks follow from the type. The
description says what the column means; an example is a cell, as the CSV has it.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from auth0_sso.models import MAX_TTL_SEC
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from include.prospects.schema.values import (
    MAX_ITEMS,
    ClientId,
    ConnectionName,
    Domain,
    Email,
    Host,
    HttpsUrl,
    Identifier,
    IfGiven,
    LanguageTag,
    OrganizationId,
    ProvenDomain,
    ScimScope,
    Some,
    Text128,
    Text255,
    Text256,
    each_once,
)

USER_SCOPES = ("get:users", "post:users", "put:users", "patch:users", "delete:users")
"""Auth0 enables SCIM only with all of them."""


class Strict(BaseModel):
    """No unknown fields, no conversions: a JSON ``"1"`` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class IdpInitiated(Strict):
    """Log-in that starts at the customer's identity provider."""

    enabled: IfGiven[bool] = Field(None, description="Whether such logins are allowed.", examples=["true"])
    client_id: IfGiven[Identifier] = Field(
        None, description="The application that such a login opens.", examples=["a1B2c3D4e5F6"]
    )
    client_protocol: IfGiven[Literal["samlp", "wsfed", "oauth2"]] = Field(
        None, description="The protocol of that application.", examples=["oauth2"]
    )
    client_authorizequery: IfGiven[Text256] = Field(
        None, description="The query for that application, with oauth2.", examples=["scope=openid&response_type=code"]
    )


class ConnectionOptions(Strict):
    """Options of the connection to be made."""

    icon_url: HttpsUrl | None = Field(
        None, description="Icon of the login button.", examples=["https://acme.example/i.png"]
    )
    domain_aliases: Some[ProvenDomain] | None = Field(
        None,
        description="Domains that Auth0 takes as verified without proof. The safe way is domains.",
        examples=["acme.example"],
    )
    idpinitiated: IdpInitiated | None = Field(
        None, description="Login that starts at the customer's identity provider.", examples=['{"enabled": false}']
    )


class ConnectionConfig(Strict):
    """The connection to be made."""

    name: ConnectionName = Field(
        description="The new connection. Default: made from the organization's name, or else from its id.",
        examples=["acme-saml"],
    )
    display_name: IfGiven[Text128] = Field(None, description="Shown on the login page.", examples=["Acme staff"])
    is_domain_connection: IfGiven[bool] = Field(
        None, description="Whether third-party applications can use the connection.", examples=["false"]
    )
    show_as_button: IfGiven[bool] = Field(
        None, description="Whether the login page has a button for the connection.", examples=["true"]
    )
    metadata: IfGiven[Annotated[dict[Text255, Text255 | None], Field(max_length=10)]] = Field(
        None, description="Keys and texts of your own, kept with the connection.", examples=['{"plan": "gold"}']
    )
    options: ConnectionOptions | None = Field(
        None, description="Options of the connection.", examples=['{"icon_url": "https://acme.example/i.png"}']
    )


class EnabledOrganization(Strict):
    """An organization whose members may use the connection."""

    organization_id: OrganizationId
    assign_membership_on_login: IfGiven[bool] = None
    show_as_button: IfGiven[bool] = None


def organizations_once(listed: list[EnabledOrganization]) -> list[EnabledOrganization]:
    """Take each organization once; ValueError if it is there twice with different settings."""
    found: dict[str, EnabledOrganization] = {}
    for organization in listed:
        if found.setdefault(organization.organization_id, organization) != organization:
            raise ValueError(f"has {organization.organization_id} twice with different settings: keep one of the two")
    return list(found.values())


class DomainAliasesConfig(Strict):
    """The domains that the customer has to verify."""

    domain_verification: Literal["none", "optional", "required"] = Field(
        description="Whether the customer verifies domains. Default: optional with domains, else none.",
        examples=["required"],
    )
    pending_domains: IfGiven[Some[Domain]] = Field(
        None,
        description="Domains that the customer must verify. At most 100 for one organization.",
        examples=["acme.example;mail.acme.example"],
    )


class GoogleWorkspaceConfig(Strict):
    """Directory sync with Google Workspace."""

    sync_users: bool = Field(description="Whether users are synchronized.", examples=["true"])
    sync_groups: IfGiven[bool] = Field(None, description="Whether groups are synchronized, too.", examples=["true"])


class ProvisioningConfig(Strict):
    """Provisioning of users and groups."""

    scopes: IfGiven[
        Annotated[list[ScimScope], Field(min_length=1, max_length=MAX_ITEMS), AfterValidator(each_once)]
    ] = Field(
        None,
        description="What the customer's SCIM token allows. Without all five of users, Auth0 enables no SCIM.",
        examples=[";".join(USER_SCOPES)],
    )
    google_workspace: IfGiven[GoogleWorkspaceConfig] = Field(
        None,
        description="Directory sync with Google Workspace, if the profile allows google-apps.",
        examples=['{"sync_users": true}'],
    )
    token_lifetime: Annotated[int, Field(ge=900)] | None = Field(
        None, description="Seconds until the SCIM token expires. Empty or null: never.", examples=["7776000"]
    )


class EnabledFeatures(Strict):
    """What the holder of an edit ticket may change."""

    sso: IfGiven[bool] = Field(None, description="Whether the ticket covers single sign-on.", examples=["true"])
    domain_verification: IfGiven[bool] = Field(
        None, description="Whether the ticket covers domain verification.", examples=["true"]
    )
    provisioning: IfGiven[bool] = Field(None, description="Whether the ticket covers provisioning.", examples=["true"])


class ThirdPartyClientAccessConfig(Strict):
    """Whether the customer may open the connection to third-party applications."""

    allow_configuration: bool = Field(
        description="Whether the customer may open the connection to third-party applications.", examples=["false"]
    )


class RequestBody(Strict):
    """The JSON body of the request for one ticket."""

    connection_id: IfGiven[Identifier] = Field(
        None, description="The ticket edits this connection instead of creating one.", examples=["con_a1B2c3D4e5F6"]
    )
    connection_config: IfGiven[ConnectionConfig] = Field(
        None, description="The connection that the ticket creates.", examples=['{"name": "acme-saml"}']
    )
    enabled_clients: IfGiven[Some[ClientId]] = Field(
        None,
        description="Client ids of the connection's applications. Without one, the customer can't enable it.",
        examples=["a1B2c3D4e5F6;g7H8i9J0k1L2"],
    )
    enabled_organizations: IfGiven[
        Annotated[list[EnabledOrganization], Field(max_length=MAX_ITEMS), AfterValidator(organizations_once)]
    ] = Field(
        None,
        description="The organizations that use the connection. Default: the row's.",
        examples=['[{"organization_id": "org_acme0000000000001", "show_as_button": true}]'],
    )
    ttl_sec: IfGiven[Annotated[int, Field(ge=0, le=MAX_TTL_SEC)]] = Field(
        None,
        description="Seconds until an unopened link expires. Empty: the run's. 0: Auth0's default, five days.",
        examples=["86400"],
    )
    domain_aliases_config: IfGiven[DomainAliasesConfig] = Field(
        None, description="The domains that the customer verifies.", examples=['{"domain_verification": "required"}']
    )
    provisioning_config: IfGiven[ProvisioningConfig] = Field(
        None,
        description="Provisioning of users and groups.",
        examples=[json.dumps({"scopes": USER_SCOPES})],
    )
    use_for_organization_discovery: IfGiven[bool] = Field(
        None, description="Whether a verified domain leads its users to the organization.", examples=["true"]
    )
    enabled_features: IfGiven[EnabledFeatures] = Field(
        None, description="What a ticket that edits a connection covers.", examples=['{"sso": true}']
    )
    third_party_client_access_config: IfGiven[ThirdPartyClientAccessConfig] = Field(
        None, description="Use by third-party applications.", examples=['{"allow_configuration": false}']
    )


class ProspectRow(RequestBody):
    """A row of the CSV: the request body and, beside it, the columns that are no part of it."""

    organization_id: OrganizationId = Field(description="The Auth0 organization.", examples=["org_acme0000000000001"])
    organization_name: IfGiven[Text255] = Field(
        None,
        description="Copied to the report and the mail. The default connection name is made from it.",
        examples=["Acme"],
    )
    prospect_name: IfGiven[Text255] = Field(
        None, description="Copied to the report and the mail.", examples=["IT desk"]
    )
    prospect_email: IfGiven[Email] = Field(
        None, description="Copied to the report. The link is mailed there.", examples=["it@acme.example"]
    )
    language: IfGiven[LanguageTag] = Field(
        None,
        description="Language of the mail with the link. Empty, or one that has no template: the default.",
        examples=["de"],
    )
    profile_id: IfGiven[Identifier] = Field(
        None,
        description="The self-service profile. Empty: the run's, then the Airflow connection's.",
        examples=["ssp_a1B2c3D4e5F6"],
    )
    custom_domain: IfGiven[Host] = Field(
        None,
        description="Host of the link, sent as header auth0-custom-domain. Empty: the Airflow connection's.",
        examples=["login.app.example"],
    )
    assign_membership_on_login: IfGiven[bool] = Field(
        None, description="Whether users who log in become members of the row's organization.", examples=["true"]
    )
    organization_show_as_button: IfGiven[bool] = Field(
        None, description="Whether the organization's login page shows the connection.", examples=["true"]
    )


OWN_COLUMNS = frozenset(ProspectRow.model_fields) - frozenset(RequestBody.model_fields)
"""The row's columns that are not in the request body."""
