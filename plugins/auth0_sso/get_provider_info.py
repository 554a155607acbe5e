"""The provider's metadata for Airflow: the connection type and its form."""

from __future__ import annotations

from typing import Any


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
                "conn-fields": _FORM_FIELDS,
            }
        ],
    }


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _number(label: str, description: str, default: float, **bounds: float) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "default": default, **bounds}
    return {"label": label, "description": description, "schema": schema}


_FORM_FIELDS: dict[str, Any] = {
    "profile_id": _text("Self-service profile", "The profile's id, ssp_…, for requests without one."),
    "enabled_clients": _text(
        "Enabled clients",
        "Client ids, separated by ;, of the applications that a new connection is enabled for, for requests that set "
        "none. Without one, Auth0 shows the customer no Enable Connection button.",
    ),
    "audience": _text("Audience", "Default: https://{tenant domain}/api/v2/."),
    "custom_domain": _text("Custom domain", "Host of the ticket URLs; sent as the auth0-custom-domain header."),
    "requests_per_slot": _number(
        "Requests per slot", "Requests a second for each pool slot.", 1.0, exclusiveMinimum=0, maximum=1000
    ),
    "burst_per_slot": _number("Burst per slot", "Requests that one slot may save up.", 1.0, minimum=1, maximum=1000),
    "private_key": _text(
        "Private key", "PEM of an RSA key; private_key_jwt then replaces the client secret.", format="password"
    ),
    "token": _text("Access token", "A ready Management API token; then none is fetched.", format="password"),
    "proxy": _text(
        "Proxy",
        "http://user:password@host:port. Default: the environment's HTTPS_PROXY and NO_PROXY.",
        format="password",
    ),
    "timeout": _number("Timeout", "Seconds to wait for an answer.", 30, exclusiveMinimum=0, maximum=300),
    "allow_http": {
        "label": "Allow http",
        "description": "Sends secrets unencrypted; only for a test tenant on another machine.",
        "schema": {"type": ["boolean", "null"], "default": False},
    },
}
