"""Who may do what on the pages: Airflow's auth manager decides. What is revealed is in Airflow's audit log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, bearer_scheme, get_user, requires_access_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.models.log import Log
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from sso_ui.data.metadata import short_session

CREATE_DAG = "create_sso_tickets"
REVOKE_DAG = "revoke_sso_tickets"
DAGS = (CREATE_DAG, REVOKE_DAG)
LINKS_NEED = "SSO_TICKETS_LINKS_NEED"
_TRIGGER = "trigger"

User = Annotated[BaseUser, Depends(get_user)]


def may(method: ResourceMethod, entity: DagAccessEntity | None, dag_id: str | None = None) -> Any:
    """
    Return the dependency that lets only those users pass who may do this to a DAG.

    :param dag_id: of the DAG; without one, it is the path's ``dag_id``, which must be one of this project.
    """
    if dag_id is not None:
        return Depends(requires_access_dag(method, entity, dag_id))
    check: Callable[..., None] = requires_access_dag(method, entity)

    def known_dag(request: Request, user: GetUserDep) -> None:
        check(request, user)
        if request.path_params["dag_id"] not in DAGS:
            raise HTTPException(404, "This DAG creates and revokes no SSO tickets.")

    return Depends(known_dag)


MAY_SEE_DAG = may("GET", None, CREATE_DAG)
MAY_SEE_RUNS = may("GET", DagAccessEntity.RUN, CREATE_DAG)
MAY_SEE_RUN = may("GET", DagAccessEntity.RUN)
MAY_READ_LINKS = may("GET", DagAccessEntity.XCOM)
MAY_READ_ALL_LINKS = may("GET", DagAccessEntity.XCOM, CREATE_DAG)
MAY_CREATE = may("POST", DagAccessEntity.RUN, CREATE_DAG)


def revoking(user: BaseUser) -> dict[str, Any]:
    """Return what a page needs to offer the revocation of a link: whether the user may, and the DAG that does it."""
    return {"may_revoke": can(user, "POST", DagAccessEntity.RUN, REVOKE_DAG), "revoke_dag": REVOKE_DAG}


def can(user: BaseUser, method: ResourceMethod, entity: DagAccessEntity, dag_id: str) -> bool:
    """Return whether a user may do this to a DAG, to show or hide what leads there."""
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)


def may_have_links(user: BaseUser) -> bool:
    """Return whether a user may reveal and download links, beside the right to read the DAG's XComs."""
    need = os.environ.get(LINKS_NEED, "")
    return not need or (need == _TRIGGER and can(user, "POST", DagAccessEntity.RUN, CREATE_DAG))


def require_links(user: User) -> None:
    """Refuse who may not have links, everybody if the setting has another value than those that are known."""
    if not may_have_links(user):
        raise HTTPException(
            403, f"Only who may start {CREATE_DAG} may have links here, if {LINKS_NEED} is '{_TRIGGER}'; else nobody."
        )


MAY_HAVE_LINKS = Depends(require_links)


def require_same_origin(
    request: Request, user: User, token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> None:
    """
    Refuse a request that another site's page has made a browser send with the user's cookie.

    :raises HTTPException: 403, unless the browser says that it comes from here, or a token that the client has sent
        itself has authenticated it.
    """
    by_cookie = user is getattr(request.state, "user", None)  # which Airflow's middleware has read
    if token is not None and not by_cookie:
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
        public = _parts(conf.get("api", "base_url", fallback=""))
    except ValueError:
        return False
    return scheme in _DEFAULT_PORTS and bool(host) and (scheme, host, port) in (asked, public)


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _parts(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


SAME_ORIGIN = Depends(require_same_origin)


def audit(user: BaseUser, event: str, dag_id: str, run_id: str | None, **extra: Any) -> None:
    """Write an event into Airflow's audit log and commit it; ``extra`` must hold no link."""
    name = user.get_name()
    entry = Log(event=event, task_instance=None, owner=name, owner_display_name=name, extra=json.dumps(extra))
    entry.dag_id, entry.run_id = dag_id, run_id
    with short_session() as session:
        session.add(entry)
