"""The DAG that follows what became of the links: logs and connections → ledger → report."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow.sdk import Asset, Metadata, Param, chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.models import TENANT
from auth0_sso.operators.links import ReportLink
from auth0_sso.runtime.retry_policy import RETRIES
from auth0_sso.runtime.storage import storage_path

from include import follow_setups
from include.folders import absolute, run_folder
from include.params import FOLLOW_PARAMS, require_known
from include.texts import FOLLOW_DOCS

SETUPS = Asset("sso_setups")


@task(pool=TENANT.pool, doc_md=FOLLOW_DOCS["read_setups"])
def read_setups(*, params: dict[str, Any], ti: Any, dag: Any, dag_run: Any) -> dict[str, Any]:
    """Read the tenant's logs and connections into the ledger."""
    from auth0_sso.setups.follow import NoReadingScopeError
    from auth0_sso.setups.run import read_setups as read

    require_known(params, dag.params)
    try:
        found = read(ti, TENANT, renew_token=dag_run.run_type == "manual", dry_run=params["dry_run"])
    except NoReadingScopeError as error:
        raise AirflowSkipException(str(error)) from None
    return asdict(found)


@task(outlets=[SETUPS], doc_md=FOLLOW_DOCS["export_report"])
def export_report(read: dict[str, Any], *, params: dict[str, Any], dag_run: Any) -> Any:
    """Write the report; a scheduled run that has found nothing new needs none."""
    from auth0_sso.setups.run import prospect_setups

    if dag_run.run_type == "scheduled" and not read["has_changed"]:
        raise AirflowSkipException("No setup has changed since it was looked at last, so there is nothing to report.")
    base = storage_path(absolute(params["report_uri"]), "report_uri")
    tenant = Auth0Hook(TENANT.auth0_conn_id).settings.domain
    exported = asdict(
        follow_setups.export(prospect_setups(TENANT), read, tenant, run_folder(base, dag_run), dag_run),
    )
    yield Metadata(SETUPS, {name: exported[name] for name in ("report_uri", "summary")})
    return exported


@dag(
    schedule=os.environ.get("SSO_TICKETS_FOLLOW_SCHEDULE", "@hourly") or None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params={name: Param(**spec) for name, spec in FOLLOW_PARAMS.items()},
    tags=["auth0", "sso"],
)
def follow_sso_setups() -> None:
    """
    Finds out what became of the links: opened, connected, waiting for a domain, enabled. It only reads. What it can
    find out depends on the scopes of the application; with none of them, the run is skipped.
    """
    read = read_setups()
    exported: Any = export_report(read)
    exported.operator.operator_extra_links = (ReportLink(),)
    chain(read, exported)


follow_sso_setups()
