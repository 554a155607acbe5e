"""The JSON Schema of a create-ticket body and its check.

Source: Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket, with the two fields that are newer
than its OpenAPI document: ``third_party_client_access_config`` and ``google_workspace.sync_groups``.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import best_match

# `$` alone would let a final line feed pass.
_CONNECTION_NAME: Final = r"^[A-Za-z0-9](?:-?[A-Za-z0-9])*$(?!\n)"
_ID: Final = {
    "organization-id": re.compile(r"org_[A-Za-z0-9]{16}"),
    "connection-id": re.compile(r"con_[A-Za-z0-9]{16}"),
}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _text(shortest: int = 0, longest: int | None = None, **more: Any) -> dict[str, Any]:
    limits = {} if longest is None else {"maxLength": longest}
    return {"type": "string", "minLength": shortest, **limits, **more}


def _list(items: dict[str, Any], shortest: int = 0) -> dict[str, Any]:
    return {"type": "array", "minItems": shortest, "items": items}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


_FLAG: Final[dict[str, Any]] = {"type": "boolean"}
_DOMAINS: Final = _list(_text(1, 255))

_IDP_INITIATED: Final = _or_null(
    _object(
        enabled=_FLAG,
        client_id=_text(),
        client_protocol={"enum": ["samlp", "wsfed", "oauth2"]},
        client_authorizequery=_text(longest=256),
    )
)
_OPTIONS: Final = _or_null(
    _object(
        icon_url=_or_null(_text(format="https-uri")),
        domain_aliases=_or_null(_DOMAINS),
        idpinitiated=_IDP_INITIATED,
    )
)
_CONNECTION_CONFIG: Final = _object(
    "name",
    name=_text(1, 128, pattern=_CONNECTION_NAME),
    display_name=_text(longest=128),
    is_domain_connection=_FLAG,
    show_as_button=_FLAG,
    metadata={
        "type": "object",
        "maxProperties": 10,
        "additionalProperties": _or_null(_text(longest=255)),
    },
    options=_OPTIONS,
)
_PROVISIONING_CONFIG: Final = _object(
    scopes=_list(
        {
            "enum": [
                f"{verb}:{kind}" for kind in ("users", "groups") for verb in ("get", "post", "put", "patch", "delete")
            ]
        },
        shortest=1,
    ),
    google_workspace=_object("sync_users", sync_users=_FLAG, sync_groups=_FLAG),
    token_lifetime={"type": ["integer", "null"], "minimum": 900},
)

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        connection_id=_text(format="connection-id"),
        connection_config=_CONNECTION_CONFIG,
        enabled_clients=_list(_text()),
        enabled_organizations=_list(
            _object(
                "organization_id",
                organization_id=_text(longest=50, format="organization-id"),
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
        provisioning_config=_PROVISIONING_CONFIG,
        use_for_organization_discovery=_FLAG,
        third_party_client_access_config=_object("allow_configuration", allow_configuration=_FLAG),
        enabled_features=_object(sso=_FLAG, domain_verification=_FLAG, provisioning=_FLAG),
    ),
}
"""Draft 2020-12."""


def _is_https_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return parts.scheme == "https" and bool(parts.hostname)


def _formats(strict_ids: bool) -> FormatChecker:
    checker = FormatChecker(formats=())
    checker.checks("https-uri", raises=ValueError)(_is_https_uri)
    for name, pattern in _ID.items() if strict_ids else ():
        checker.checks(name)(
            lambda value, pattern=pattern: not isinstance(value, str) or bool(pattern.fullmatch(value))
        )
    return checker


_VALIDATORS: Final = {strict: Draft202012Validator(SCHEMA, format_checker=_formats(strict)) for strict in (False, True)}


def schema_violation(body: object, strict_ids: bool = False) -> str | None:
    """Return what in a body breaks the schema, with its place, or nothing.

    :param body: the parsed body
    :param strict_ids: whether organization and connection ids must have Auth0's form
    """
    validator = _VALIDATORS[strict_ids]
    if validator.is_valid(body):
        return None
    return _describe(best_match(validator.iter_errors(body)))


def _describe(error: ValidationError) -> str:
    place = ".".join(str(step) for step in error.absolute_path)
    what = f"'{error.message[:500]}'"
    return f"{what} on property {place}" if place else what
