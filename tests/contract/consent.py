"""
What a person is told and asked before the suite sends anything to a tenant.

No endpoint tells whether a tenant is one of production: its name and what people say are all that there is. So the
suite runs only if both agree. It can't notice a production tenant that has a harmless name and that a person calls a
test tenant twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tests.contract.client import CONNECTION_NAME, CREATE_SCOPE, LINK_SECONDS, MAX_REQUESTS

VARIABLE: Final = "SSO_TICKETS_TEST_TENANT"
"""The environment variable that names the host of a test tenant, in place of a person's word."""

TEST_TENANT: Final = "test tenant"
"""What a person types who is sure that the tenant is not one of production."""

OPTIONAL_SCOPES: Final = {
    "delete:sso_access_tickets": "revoking, also of the links that the suite makes",
    "read:self_service_profiles": "the profile",
    "read:logs": "the log",
    "read:connections": "the connections",
    "read:organization_connections": "the connections of an organization",
    "read:organization_discovery_domains": "the domains of an organization",
}
"""The scopes without which statements are left out, and what these are about."""

_PRODUCTION: Final = frozenset({"prod", "prd", "production", "live"})


class RefusedError(Exception):
    """The suite must not run against this tenant. Its text says why."""


def announcement(host: str, profile_id: str) -> str:
    """Return what the suite is going to do with a tenant."""
    scopes = "\n".join(f"    {scope:<36} {about}" for scope, about in OPTIONAL_SCOPES.items())
    return f"""\
The contract suite is about to run against the tenant {host}:
  - It sends at most {MAX_REQUESTS} requests, as the tenant's rate limit allows, in one to three minutes.
  - With the self-service profile {profile_id} it makes some links for the connection name {CONNECTION_NAME}.
    Each lives {LINK_SECONDS} seconds and is revoked at the end. No link is opened, so no connection is created.
  - One token request has a wrong client secret, and some requests have a wrong token or a wrong body.
  - Nothing else is changed. The tenant's log keeps what was done.
  - The application needs the scope {CREATE_SCOPE}. Without one of these, some statements are left out:
{scopes}
"""


def require_consent(host: str, named: str, ask: Callable[[str], str] | None) -> None:
    """
    Return if the tenant may be used.

    :param host: of the connection, in its canonical form.
    :param named: the value of ``SSO_TICKETS_TEST_TENANT``; empty if it isn't set.
    :param ask: asks a person a question and returns the answer; ``None`` if nobody is there.
    :raises RefusedError: if the host's name says production, if the variable names another host, or if a person or,
        where nobody is there, the variable has not confirmed it.
    """
    words = set(re.split(r"[^a-z0-9]+", host.lower()))
    if words & _PRODUCTION:
        raise RefusedError(f"The name {host} says that it is a production tenant. Use a test tenant.")
    named = _host(named)
    if named and named != host:
        raise RefusedError(f"{VARIABLE} names the test tenant {named}, and the connection leads to {host}.")
    if ask is None:
        if not named:
            raise RefusedError(f"Nobody can be asked here: confirm the test tenant with {VARIABLE}={host}.")
        return
    typed = _host(ask("Type the host of the tenant to go on: "))
    if typed != host:
        raise RefusedError("That is not the host that the connection leads to.")
    if named:
        return
    question = f"Is {host} a tenant without customers of yours? Type '{TEST_TENANT}' if it is: "
    if ask(question).strip().lower() != TEST_TENANT:
        raise RefusedError(f"It was not confirmed that {host} is a test tenant.")


def _host(text: str) -> str:
    return text.strip().lower()
