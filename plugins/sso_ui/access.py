"""Who may do what on the pages: Airflow's auth manager decides."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request

from sso_ui.airflow import (
    RUN,
    XCOM,
    BearerToken,
    Entity,
    Method,
    User,
    base_url,
    can,
    requires_access,
    user_of_cookie,
)

CREATE_DAG = "create_sso_tickets"
REVOKE_DAG = "revoke_sso_tickets"
FOLLOW_DAG = "follow_sso_setups"
MAIL_DAG = "mail_sso_tickets"
DAGS = (CREATE_DAG, REVOKE_DAG, FOLLOW_DAG, MAIL_DAG)
LINKS_NEED = "SSO_TICKETS_LINKS_NEED"
_TRIGGER = "trigger"


def may(method: Method, entity: Entity | None, dag_id: str | None = None) -> Any:
    """
    Return the dependency that lets only those users pass who may do this to a DAG.

    :param dag_id: of the DAG; without one, it is the path's ``dag_id``, which must be one of this project.
    """
    if dag_id is not None:
        return Depends(requires_access(method, entity, dag_id))
    check = requires_access(method, entity)

    def known_dag(request: Request, user: User) -> None:
        check(request, user)
        if request.path_params["dag_id"] not in DAGS:
            raise HTTPException(404, "This DAG has nothing to do with SSO tickets.")

    return Depends(known_dag)


MAY_SEE_DAG = may("GET", None, CREATE_DAG)
MAY_SEE_RUNS = may("GET", RUN, CREATE_DAG)
MAY_SEE_RUN = may("GET", RUN)
MAY_READ_LINKS = may("GET", XCOM)
MAY_READ_ALL_LINKS = may("GET", XCOM, CREATE_DAG)
MAY_CREATE = may("POST", RUN, CREATE_DAG)


def can_see_runs(user: User, dag_id: str) -> bool:
    """Return whether a user may see the runs of a DAG."""
    return can(user, "GET", RUN, dag_id)


def can_create(user: User) -> bool:
    """Return whether a user may start runs that create links."""
    return can(user, "POST", RUN, CREATE_DAG)


def can_read_links(user: User, dag_id: str) -> bool:
    """Return whether a user may read the XComs of a DAG, and so the tables of its runs."""
    return can(user, "GET", XCOM, dag_id)


def revoking(user: User) -> dict[str, Any]:
    """Return what a page needs to offer the revocation of a link: whether the user may, and the DAG that does it."""
    return {"may_revoke": can(user, "POST", RUN, REVOKE_DAG), "revoke_dag": REVOKE_DAG}


def can_mail(user: User) -> bool:
    """Return whether a user may start runs that mail links."""
    return can(user, "POST", RUN, MAIL_DAG)


def may_have_links(user: User) -> bool:
    """Return whether a user may reveal and download links, beside the right to read the DAG's XComs."""
    need = os.environ.get(LINKS_NEED, "")
    return not need or (need == _TRIGGER and can_create(user))


def require_links(user: User) -> None:
    """Refuse who may not have links, everybody if the setting has another value than those that are known."""
    if not may_have_links(user):
        raise HTTPException(
            403, f"Only who may start {CREATE_DAG} may have links here, if {LINKS_NEED} is '{_TRIGGER}'; else nobody."
        )


MAY_HAVE_LINKS = Depends(require_links)


def require_same_origin(request: Request, user: User, token: BearerToken) -> None:
    """
    Refuse a request that another site's page has made a browser send with the user's cookie.

    :raises HTTPException: 403, unless the browser says that it comes from here, or a token that the client has sent
        itself has authenticated it.
    """
    is_by_cookie = user is user_of_cookie(request)
    if token is not None and not is_by_cookie:
        return
    site = request.headers.get("sec-fetch-site")
    is_ours = is_own(request, request.headers.get("origin", "")) if site is None else site == "same-origin"
    if not is_ours:
        raise HTTPException(403, "This request does not come from a page of this Airflow.")


def is_own(request: Request, url: str) -> bool:
    """
    Return whether a URL that a browser has sent is of this Airflow.

    It has the name that the browser asked for, the ``Host`` that a proxy passes on, or the scheme and the name of
    ``[api] base_url``. A proxy that ends TLS hides the scheme.
    """
    try:
        scheme, host, port = _parts(url)
        asked = _parts(f"{scheme}://{request.headers.get('host', '')}")
        public = _parts(base_url())
    except ValueError:
        return False
    return scheme in _DEFAULT_PORTS and bool(host) and (scheme, host, port) in (asked, public)


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _parts(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


SAME_ORIGIN = Depends(require_same_origin)
