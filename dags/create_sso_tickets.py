"""The DAG that creates tickets: file → prospects → plan → tickets → report."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow.sdk import Asset, Metadata, Param, chain, dag, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.models import TENANT
from auth0_sso.operators.approval import ApprovePlanOperator
from auth0_sso.operators.links import ReportLink
from auth0_sso.operators.notify import notifiers, outcome_callbacks
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator
from auth0_sso.runtime.pool import require_pool
from auth0_sso.runtime.retry_policy import RETRIES
from auth0_sso.runtime.storage import storage_path
from auth0_sso.tickets.collect import outcomes_of, stats_of
from auth0_sso.tickets.forecast import forecast
from auth0_sso.tickets.preflight import RunOptions, check_before_creating
from auth0_sso.tickets.seal import sealed

from include import create_tickets, prospects
from include.check_outcome import Exported, require_complete
from include.create_tickets import Loaded
from include.fan_out import choose_fan_out
from include.folders import absolute, run_folder
from include.params import CREATE_PARAMS, require_known
from include.texts import APPROVAL, APPROVAL_NOTICE, CREATE_DOCS, OUTCOME_NOTICE

REPORTS = Asset("sso_ticket_reports")
TICKETS = "create_tickets"


@task(doc_md=CREATE_DOCS["load_prospects"])
def load_prospects(*, params: dict[str, Any], dag: Any, dag_run: Any) -> dict[str, Any]:
    """Read and check the CSV or the workbook."""
    require_known(params, dag.params)
    require_pool(TENANT)
    source = storage_path(absolute(params["prospects_uri"]), "prospects_uri")
    base = storage_path(absolute(params["report_uri"]), "report_uri")
    return asdict(create_tickets.load(source, run_folder(base, dag_run), params))


@task(pool=TENANT.pool, doc_md=CREATE_DOCS["plan_fan_out"])
def plan_fan_out(loaded: dict[str, Any], *, params: dict[str, Any], ti: Any, dag_run: Any) -> list[dict[str, str]]:
    """Check token and profiles, and divide the organizations among the mapped tasks."""
    given = Loaded(**loaded)
    folder = storage_path(given.folder, "folder")
    manifest = storage_path(given.manifest, "manifest")
    found = create_tickets.read(manifest, given.sha256, on_invalid_rows=params["on_invalid_rows"])
    options = RunOptions.of(params)
    checked = check_before_creating(ti, TENANT, {request.profile_id for request in found.valid}, options)
    expected = forecast(found.valid, dag_run, TENANT, options, checked.strategies)
    create_tickets.require_few_revocations(expected.revocations, params)
    links_not_in_ledger = create_tickets.require_ledger(folder, expected, params)
    fan_out = choose_fan_out(
        len(expected.requests),
        expected.counts.requests,
        expected.capacity,
        given=params["max_mapped_tasks"],
        max_map_length=conf.getint("core", "max_map_length"),
    )
    batches, plan = create_tickets.plan(found, fan_out, expected, folder, links_not_in_ledger)
    ti.xcom_push("plan", asdict(plan))
    return sealed(batches, RunAttempt.of(dag_run), checked.ledger_id)


@task(trigger_rule="all_done", outlets=[REPORTS], doc_md=CREATE_DOCS["export_report"])
def export_report(loaded: dict[str, Any] | None, *, params: dict[str, Any], ti: Any, dag_run: Any) -> Any:
    """Write the report."""
    if loaded is None:
        raise AirflowSkipException("load_prospects failed: no row is known, so there is nothing to report.")
    given = Loaded(**loaded)
    folder = storage_path(given.folder, "folder")
    rows = prospects.read_rows(storage_path(given.manifest, "manifest"), given.sha256)
    planned = ti.xcom_pull(task_ids="plan_fan_out", key="plan")
    plan = create_tickets.read_plan(folder, planned and planned["sha256"])
    results = outcomes_of(ti, dag_run, TICKETS, rows.requests, tenant=plan.tenant, profile_id=plan.profile_id)
    stats = stats_of(ti, TICKETS)
    exported = asdict(
        create_tickets.export(rows, plan, results.outcomes, results.replaced, stats, folder, dag_run),
    )
    event = {name: exported[name] for name in ("report_uri", "summary")}
    yield Metadata(REPORTS, {**event, "dry_run": params["dry_run"]})
    return exported


@task(trigger_rule="all_done", doc_md=CREATE_DOCS["check_outcome"], **outcome_callbacks(**OUTCOME_NOTICE))
def check_outcome(exported: dict[str, Any] | None) -> None:
    """Fail if a row failed or was not attempted."""
    report = Exported(**exported) if exported else None
    require_complete(report, "If Auth0 refused their requests, fix these rows in the file.")


@dag(
    schedule=os.environ.get("SSO_TICKETS_SCHEDULE", "@daily") or None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1000,  # the pool is the limit
    default_args=RETRIES,
    params={name: Param(**spec) for name, spec in CREATE_PARAMS.items()},
    tags=["auth0", "sso"],
)
def create_sso_tickets() -> None:
    """
    Creates Auth0 self-service SSO access tickets from a CSV or a workbook: one link for each prospect. A successful run
    means that every row has a final outcome. You can run it again at any time: links that are still valid are reused.
    """
    loaded = load_prospects()
    batches = plan_fan_out(loaded)
    approved = ApprovePlanOperator(
        auth0_conn_id=TENANT.auth0_conn_id, notifiers=notifiers(**APPROVAL_NOTICE), **APPROVAL
    )
    created = CreateSsoTicketsOperator.partial(
        task_id=TICKETS,
        profile_id="{{ params.profile_id or '' }}",
        enabled_clients="{{ (params.enabled_clients or []) | join(';') }}",
        on_existing="{{ params.on_existing }}",
        on_conflict="{{ params.on_conflict }}",
        one_link_per_connection="{{ params.one_link_per_connection }}",
        plan_only="{{ params.dry_run }}",
        require_seal=True,
        map_index_template="{{ task.batch['label'] }}",
        auth0_conn_id=TENANT.auth0_conn_id,
        pool=TENANT.pool,
        doc_md=CREATE_DOCS[TICKETS],
    ).expand(batch=batches)
    exported: Any = export_report(loaded)
    exported.operator.operator_extra_links = (ReportLink(),)
    chain(batches, approved, created, exported, check_outcome(exported))


create_sso_tickets()
