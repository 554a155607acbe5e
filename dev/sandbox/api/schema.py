"""
The JSON Schema of a create-ticket body and its check.

Source: Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket, with the two fields that are newer
than its OpenAPI document: ``third_party_client_access_config`` and ``google_workspace.sync_groups``.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

# `$` alone would accept a final line feed.
_CONNECTION_NAME: Final = r"^[A-Za-z0-9](?:-?[A-Za-z0-9])*$(?!\n)"
_SCIM_SCOPES: Final = [
    f"{verb}:{kind}" for kind in ("users", "groups") for verb in ("get", "post", "put", "patch", "delete")
]


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [*required], "properties": properties}


def _text(shortest: int = 0, longest: int | None = None, **more: Any) -> dict[str, Any]:
    limits = {} if longest is None else {"maxLength": longest}
    return {"type": "string", "minLength": shortest, **limits, **more}


def _list(items: dict[str, Any], shortest: int = 0) -> dict[str, Any]:
    return {"type": "array", "minItems": shortest, "items": items}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


_FLAG: Final[dict[str, Any]] = {"type": "boolean"}
_DOMAINS: Final = _list(_text(1, 255))
_IDP_INITIATED: Final = _object(
    enabled=_FLAG,
    client_id=_text(),
    client_protocol={"enum": ["samlp", "wsfed", "oauth2"]},
    client_authorizequery=_text(longest=256),
)
_OPTIONS: Final = _object(
    icon_url=_or_null(_text(format="https-uri")),
    domain_aliases=_or_null(_DOMAINS),
    idpinitiated=_or_null(_IDP_INITIATED),
)
_METADATA: Final = {"type": "object", "maxProperties": 10, "additionalProperties": _or_null(_text(longest=255))}


SCHEMA: Final = _object(
    connection_id=_text(),
    connection_config=_object(
        "name",
        name=_text(1, 128, pattern=_CONNECTION_NAME),
        display_name=_text(longest=128),
        is_domain_connection=_FLAG,
        show_as_button=_FLAG,
        metadata=_METADATA,
        options=_or_null(_OPTIONS),
    ),
    enabled_clients=_list(_text()),
    enabled_organizations=_list(
        _object(
            "organization_id",
            organization_id=_text(longest=50),
            assign_membership_on_login=_FLAG,
            show_as_button=_FLAG,
        )
    ),
    ttl_sec={"type": "integer", "minimum": 0, "maximum": 432_000},
    domain_aliases_config=_object(
        "domain_verification",
        domain_verification={"enum": ["none", "optional", "required"]},
        pending_domains=_DOMAINS,
    ),
    provisioning_config=_object(
        scopes=_list({"enum": _SCIM_SCOPES}, shortest=1),
        google_workspace=_object("sync_users", sync_users=_FLAG, sync_groups=_FLAG),
        token_lifetime={"type": ["integer", "null"], "minimum": 900},
    ),
    use_for_organization_discovery=_FLAG,
    third_party_client_access_config=_object("allow_configuration", allow_configuration=_FLAG),
    enabled_features=_object(sso=_FLAG, domain_verification=_FLAG, provisioning=_FLAG),
)
"""Draft 2020-12."""


def _is_https_uri(value: object) -> bool:
    parts = urlsplit(value) if isinstance(value, str) else None
    return parts is None or (parts.scheme == "https" and bool(parts.hostname))


_FORMATS: Final = FormatChecker(formats=())
_FORMATS.checks("https-uri", raises=ValueError)(_is_https_uri)
_VALIDATOR: Final = Draft202012Validator(SCHEMA, format_checker=_FORMATS)


def schema_violation(body: object) -> str | None:
    """Return what in a parsed body breaks the schema, with its place, or ``None``."""
    error = best_match(_VALIDATOR.iter_errors(body))
    if error is None:
        return None
    place = ".".join(map(str, error.absolute_path))
    return f"'{error.message[:500]}'" + (f" on property {place}" if place else "")
