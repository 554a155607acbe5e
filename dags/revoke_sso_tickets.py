"""
### Revoke SSO tickets

Revokes links: those of a run's report, of some organizations, or all that are in the ledger. A revoked link is never
reused; a link that a later run has issued in its place stays valid. The pool `auth0_management_api` is the rate
limit.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import Param, chain, dag, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException
from auth0_sso.models import TENANT
from auth0_sso.operators.links import ReportLink
from auth0_sso.operators.notify import outcome_callbacks
from auth0_sso.operators.sso_tickets import RevokeSsoTicketsOperator
from auth0_sso.runtime.pool import require_pool
from auth0_sso.runtime.retry_policy import RETRIES
from auth0_sso.runtime.storage import storage_path

from include import revoke_tickets
from include.check_outcome import Exported, require_complete
from include.fan_out import choose_fan_out
from include.folders import absolute, run_folder
from include.params import REVOKE_PARAMS, require_known
from include.texts import OUTCOME_NOTICE, REVOKE_DOCS


@task(doc_md=REVOKE_DOCS["select_tickets"])
def select_tickets(*, params: dict[str, Any], ti: Any, dag: Any, dag_run: Any) -> list[dict[str, str]]:
    """Find the tickets in the ledger, and divide them among the mapped tasks."""
    from auth0_sso.ledger.records import RunAttempt
    from auth0_sso.tickets.forecast import read_capacity
    from auth0_sso.tickets.preflight import check_before_revoking
    from auth0_sso.tickets.seal import sealed
    from auth0_sso.tickets.selection import select_tickets as select

    require_known(params, dag.params)
    require_pool(TENANT)
    revoke_tickets.require_selection(params)
    folder = run_folder(storage_path(absolute(params["report_uri"]), "report_uri"), dag_run)
    report = params["report"] and storage_path(absolute(params["report"]), "report")
    reported = revoke_tickets.reported_tickets(report) if report else []
    tickets, finished = select(
        RunAttempt.of(dag_run),
        reported=reported,
        organization_ids=params["organization_ids"] or [],
        prospect_keys=params["prospect_keys"] or [],
        all_live=params["all_live"],
    )
    ledger_id = check_before_revoking(ti, TENANT, dry_run=params["dry_run"])
    fan_out = choose_fan_out(
        len(tickets),
        len(tickets),
        read_capacity(TENANT),
        given=params["max_mapped_tasks"],
        max_map_length=conf.getint("core", "max_map_length"),
        few=0,
    )
    batches, sha256 = revoke_tickets.plan(tickets, finished, fan_out, folder)
    ti.xcom_push("selection", sha256)
    return sealed(batches, RunAttempt.of(dag_run), ledger_id)


@task(trigger_rule="all_done", doc_md=REVOKE_DOCS["export_report"])
def export_report(batches: list[dict[str, str]] | None, *, params: dict[str, Any], ti: Any, dag_run: Any) -> Any:
    """Write the report, also when tasks have failed."""
    from auth0_sso.tickets.collect import stats_of
    from auth0_sso.tickets.revocations import revocations_of

    if batches is None:
        raise AirflowSkipException("select_tickets failed: no ticket is known, so there is nothing to report.")
    folder = run_folder(storage_path(absolute(params["report_uri"]), "report_uri"), dag_run)
    tickets, finished = revoke_tickets.read_selection(folder, ti.xcom_pull("select_tickets", key="selection"))
    results = finished + revocations_of(ti, "revoke_tickets", tickets)
    return asdict(revoke_tickets.export(results, stats_of(ti, "revoke_tickets"), folder, dag_run))


@task(trigger_rule="all_done", doc_md=REVOKE_DOCS["check_outcome"], **outcome_callbacks(**OUTCOME_NOTICE))
def check_outcome(exported: dict[str, Any] | None) -> None:
    """Fail if a selected ticket may still be valid."""
    require_complete(Exported(**exported) if exported else None)


@dag(
    schedule=None,
    max_active_runs=1,
    max_active_tasks=1000,  # the pool is the limit
    default_args=RETRIES,
    params={name: Param(**spec) for name, spec in REVOKE_PARAMS.items()},
    doc_md=__doc__,
    tags=["auth0", "sso"],
)
def revoke_sso_tickets() -> None:
    """Selection → revocations → report."""
    batches = select_tickets()
    revoked = RevokeSsoTicketsOperator.partial(
        task_id="revoke_tickets",
        plan_only="{{ params.dry_run }}",
        require_seal=True,
        map_index_template="{{ task.batch['label'] }}",
        auth0_conn_id=TENANT.auth0_conn_id,
        pool=TENANT.pool,
        doc_md=REVOKE_DOCS["revoke_tickets"],
    ).expand(batch=batches)
    exported: Any = export_report(batches)
    exported.operator.operator_extra_links = (ReportLink(),)
    chain(batches, revoked, exported, check_outcome(exported))


revoke_sso_tickets()
