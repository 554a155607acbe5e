"""The DAG that mails links: ledger → selection → mails → report."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Metadata, Param, chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.models import TENANT, MailPlan
from auth0_sso.operators.approval import ApprovePlanOperator
from auth0_sso.operators.notify import notifiers, outcome_callbacks
from auth0_sso.runtime.retry_policy import RETRIES
from auth0_sso.runtime.storage import storage_path
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS

from include import mail_tickets
from include.check_outcome import Exported
from include.folders import absolute, run_folder
from include.params import MAIL_PARAMS, require_known
from include.texts import MAIL_APPROVAL, MAIL_APPROVAL_NOTICE, MAIL_DOCS, MAIL_NOTICE

REPORTS = Asset("sso_ticket_reports")
DELIVERIES = Asset("sso_ticket_deliveries")
# When links were made, and once a day for reminders.
SCHEDULE = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 7 * * *", timezone="UTC"), assets=[REPORTS])


def _folder(params: dict[str, Any], dag_run: Any) -> Any:
    return run_folder(storage_path(absolute(params["report_uri"]), "report_uri"), dag_run)


def _plan(reference: dict[str, str], params: dict[str, Any], dag_run: Any) -> MailPlan:
    """Return what the run has planned, unless somebody has changed it."""
    from auth0_sso.ledger.records import RunAttempt
    from auth0_sso.tickets.seal import require_seal

    require_seal(reference, RunAttempt.of(dag_run))
    return mail_tickets.read_plan(_folder(params, dag_run), reference)


@task(doc_md=MAIL_DOCS["select_mails"])
def select_mails(
    *, params: dict[str, Any], ti: Any, dag: Any, dag_run: Any, triggering_asset_events: Any
) -> dict[str, str]:
    """Decide who gets which mail."""
    from auth0_sso.ledger.records import RunAttempt
    from auth0_sso.setups.mailing import mailed_since, plan_mails
    from auth0_sso.tickets.seal import sealed

    require_known(params, dag.params)
    tenant = Auth0Hook(TENANT.auth0_conn_id).settings.domain
    attempt = RunAttempt.of(dag_run)
    reports = mail_tickets.triggering_reports(triggering_asset_events)
    is_by_dry_run = mail_tickets.is_started_by_dry_runs(triggering_asset_events)
    # Also if a setting is wrong: the next run mails what this one would have.
    since = mailed_since(tenant, reports, attempt.installation)
    mail_tickets.check_before_mailing(params)
    if since is None and dag_run.run_type != "manual":  # until then all links may have been mailed by hand
        since = time.time()
    options = mail_tickets.options(params, since)
    plan = plan_mails(tenant, options, is_dry_run=params["dry_run"] or is_by_dry_run)
    ti.xcom_push("plan", mail_tickets.count_mails(plan))
    reference = mail_tickets.write_plan(plan, _folder(params, dag_run))
    return sealed([reference], attempt, plan.ledger_id)[0]


@task(doc_md=MAIL_DOCS["send_mails"])
def send_mails(reference: dict[str, str], *, params: dict[str, Any], dag_run: Any) -> None:
    """Send the mails, one by one."""
    from auth0_sso.ledger.records import RunAttempt
    from auth0_sso.setups.mailing import send_mails as send

    plan = _plan(reference, params, dag_run)
    if plan.is_dry_run:
        raise AirflowSkipException("Dry run: nobody is mailed.")
    if not any(mail.kind for mail in plan.mails):
        raise AirflowSkipException("Nobody is to be mailed.")
    settings = mail_tickets.read_settings()
    send(
        plan,
        RunAttempt.of(dag_run),
        sender=settings.address,
        compose=mail_tickets.composer(settings),
        link=mail_tickets.linker(settings),
        mails_per_minute=params["mails_per_minute"],
    )


@task(trigger_rule="all_done", outlets=[DELIVERIES], doc_md=MAIL_DOCS["export_report"])
def export_report(reference: dict[str, str] | None, *, params: dict[str, Any], ti: Any, dag_run: Any) -> Any:
    """Write the report, also when mails have failed."""
    from auth0_sso.ledger.records import RunAttempt
    from auth0_sso.setups.mailing import mail_outcomes
    from auth0_sso.tickets.collect import wait_until_reported

    if reference is None:
        raise AirflowSkipException("select_mails failed: nobody is selected, so there is nothing to report.")
    plan = _plan(reference, params, dag_run)
    look = partial(mail_outcomes, plan, RunAttempt.of(dag_run))
    outcomes, _ = wait_until_reported(ti, "send_mails", look, DEFAULT_TIMEOUTS)
    exported = asdict(mail_tickets.export(outcomes, plan, _folder(params, dag_run), dag_run))
    yield Metadata(DELIVERIES, {name: exported[name] for name in ("report_uri", "summary")})
    return exported


@task(trigger_rule="all_done", doc_md=MAIL_DOCS["check_outcome"], **outcome_callbacks(**MAIL_NOTICE))
def check_outcome(exported: dict[str, Any] | None) -> None:
    """Fail if a mail failed, or was possibly sent."""
    mail_tickets.require_sent(Exported(**exported) if exported else None)


@dag(
    schedule=SCHEDULE if os.environ.get(mail_tickets.FROM_VARIABLE, "").strip() else None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params={name: Param(**spec) for name, spec in MAIL_PARAMS.items()},
    tags=["auth0", "sso"],
)
def mail_sso_tickets() -> None:
    """
    Mails links to their prospects: each link once, and a reminder if nobody has opened it. It is off until
    SSO_TICKETS_MAIL_FROM is set. A successful run means that each of its mails was sent, or refused for good.
    """
    reference = select_mails()
    approved = ApprovePlanOperator(
        auth0_conn_id=TENANT.auth0_conn_id, notifiers=notifiers(**MAIL_APPROVAL_NOTICE), **MAIL_APPROVAL
    )
    sent = send_mails(reference)
    exported: Any = export_report(reference)
    chain(reference, approved, sent, exported, check_outcome(exported))


mail_sso_tickets()
