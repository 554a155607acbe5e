"""The provider's metadata for Airflow: the connection type and its form."""

from __future__ import annotations

from typing import Any

from auth0_sso.hooks.settings import STANDARD_FIELDS, Auth0Settings

_OF_TEXT = ("format",)
_OF_NUMBERS = ("default", "minimum", "exclusiveMinimum", "maximum")


def get_provider_info() -> dict[str, Any]:
    """Return the metadata, by Airflow's provider_info schema."""
    return {
        "package-name": "airflow-provider-auth0-sso",
        "name": "Auth0 self-service SSO",
        "description": "Access tickets of Auth0's self-service SSO (Self-Service Enterprise Configuration) in bulk.",
        "integrations": [
            {"integration-name": "Auth0", "external-doc-url": "https://auth0.com/docs", "tags": ["service"]}
        ],
        "hooks": [{"integration-name": "Auth0", "python-modules": ["auth0_sso.hooks.auth0"]}],
        "operators": [{"integration-name": "Auth0", "python-modules": ["auth0_sso.operators.sso_tickets"]}],
        "extra-links": ["auth0_sso.operators.links.ReportLink", "auth0_sso.operators.links.ProfileLink"],
        "connection-types": [
            {
                "connection-type": "auth0",
                "hook-class-name": "auth0_sso.hooks.auth0.Auth0Hook",
                "hook-name": "Auth0",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Tenant domain", "login": "Client ID", "password": "Client secret"},
                    # Airflow 3.3.2's Test button refuses a saved connection whose port is empty.
                    "placeholders": {
                        "host": "your-tenant.eu.auth0.com",
                        "login": "of a machine-to-machine application",
                        "password": "not needed with a private key or an access token",
                        "port": "0 for the default; the Test button needs a number",
                    },
                },
                "conn-fields": _form_fields(),
            }
        ],
    }


def _form_fields() -> dict[str, Any]:
    properties = Auth0Settings.model_json_schema()["properties"]
    return {name: _form_field(schema) for name, schema in properties.items() if name not in STANDARD_FIELDS}


def _form_field(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a field of the form; numbers and switches show their default, and a list is typed as text."""
    kind = "string" if schema["type"] == "array" else schema["type"]
    shown = _OF_TEXT if kind == "string" else _OF_NUMBERS
    return {
        "label": schema["title"],
        "description": schema["description"],
        "schema": {"type": [kind, "null"], **{name: schema[name] for name in shown if name in schema}},
    }
