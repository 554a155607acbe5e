"""
What people read in Airflow beside the report: the tasks' docs, the question of the approval, and notifications.

Questions and notifications are Airflow's Jinja templates, with ``ui_address(…)``, which returns the address of a page
of this Airflow. They show counts and such addresses: never a link of a ticket, and nothing of a row.
"""

from __future__ import annotations

CREATE_DOCS = {
    "load_prospects": """
Reads the file and checks every row. Nothing is sent.

**If it fails:** the error names the file, the column or the line. Fix the file and trigger another run. Invalid rows do
not make this task fail; the log names the first 20 and the report names all.
""",
    "plan_fan_out": """
Checks the connection, the access token, the profiles and the ledger, and divides the organizations among the mapped
tasks. Its log and its XCom `plan` say how many links will be created, reused and replaced. No link is requested yet.

**If it fails:** nothing was sent. Fix the setting that the error names, then clear this task.
""",
    "approve": """
Waits for a person if the run has `require_approval`. Otherwise it passes at once. Answer it under *Required Actions*.
A plan that nobody answers within two days, or `SSO_TICKETS_APPROVAL_TIMEOUT` hours, is rejected.

**If the plan is rejected:** nothing is sent and the run is red. Trigger another run when the file is right.
""",
    "create_tickets": """
Creates the links of one organization, or of several if there are many. Valid links are reused.

**If it fails:** the error names the first rows that failed, and why. It was retried if that could help. Clear it after
you have fixed the cause: only what is missing is requested again.
""",
    "export_report": """
Writes the report. It runs also when tasks have failed, so that every row of the file is in the report.

**If it fails:** the folder in `report_uri` can't be written, or the ledger is unavailable. Fix that, then clear this
task. No link is lost.
""",
    "check_outcome": """
Fails if a row is `failed` or `not_attempted`, so that a green run means that nothing is left to do.

**If it fails:** the error names the first rows, and the report says why for each. Fix the cause, then clear the failed
tasks or trigger another run. Links that exist are kept.
""",
}
"""The Markdown docs of the tasks of the DAG that creates tickets, by task."""

REVOKE_DOCS = {
    "select_tickets": """
Finds the links in the ledger, and divides them among the mapped tasks. Nothing is revoked yet.

**If it fails:** nothing was sent. Fix the parameter or the setting that the error names.
""",
    "revoke_tickets": """
Revokes a part of the selected links.

**If it fails:** the error names the organizations whose links may still work, and why. Clear it after you have fixed
the cause. To revoke a link twice does no harm.
""",
    "export_report": """
Writes the report. It runs also when tasks have failed, so that every selected link is in the report.

**If it fails:** the folder in `report_uri` can't be written, or the ledger is unavailable. Fix that, then clear this
task.
""",
    "check_outcome": """
Fails if a selected link may still be valid.

**If it fails:** the error names the first links, and the report says why for each. Fix the cause, then clear the
failed tasks or trigger another run.
""",
}
"""The Markdown docs of the tasks of the DAG that revokes tickets, by task."""

FOLLOW_DOCS = {
    "read_setups": """
Reads the tenant's logs and asks about its connections, and keeps in the ledger how far each setup has come. The log
names each scope that is missing, and what can't be found out without it.

**If it is skipped:** the application has none of the scopes that reading needs. Grant one of them, then trigger a run.

**If it fails:** the tenant is unavailable, or the setting that the error names is wrong. What was read is kept. Clear
it, or let the next run go on.
""",
    "export_report": """
Writes the report: how far the customers have come, and a row for each prospect. A scheduled run that has found nothing
new skips it.

**If it fails:** the folder in `report_uri` can't be written, or the ledger is unavailable. Fix that, then clear this
task.
""",
}
"""The Markdown docs of the tasks of the DAG that follows the setups, by task."""

MAIL_DOCS = {
    "select_mails": """
Decides from the ledger who gets which mail, and checks the settings and the templates. Nobody is mailed yet. Its XCom
`plan` has the numbers.

**If it fails:** nobody was mailed. Fix the setting or the parameter that the error names.
""",
    "approve": """
Waits for a person if the run has `require_approval`. Otherwise it passes at once. Answer it under *Required Actions*.
Mails that nobody approves within two days, or `SSO_TICKETS_APPROVAL_TIMEOUT` hours, are rejected.

**If they are rejected:** this run mails nobody and is red. The next run decides again, and asks nobody if it starts by
itself. So pause the DAG until the reason is gone.
""",
    "send_mails": """
Sends the mails, one after the other, at most `mails_per_minute`. Before each mail leaves, the ledger has it.

**If it fails:** the error names the setting, or the task was ended. Clear it: what was sent, or possibly sent, is not
sent again.
""",
    "export_report": """
Writes the report. It runs also when mails have failed, so that everyone is in the report.

**If it fails:** the folder in `report_uri` can't be written, or the ledger is unavailable. Fix that, then clear this
task.
""",
    "check_outcome": """
Fails if a mail failed, or was possibly sent.

**If it fails:** the report says why for each. Mails that failed are sent by the next run. Of those that were possibly
sent, ask the customer, or mail them again with `resend`.
""",
}
"""The Markdown docs of the tasks of the DAG that mails links, by task."""

_MAIL_PLAN = "{% set plan = ti.xcom_pull(task_ids='select_mails', key='plan') -%}"
_MAIL_LINE = (
    _MAIL_PLAN + "New links: {{ plan.invitation }}, links in place of earlier ones: {{ plan.replacement }}, reminders: "
    "{{ plan.reminder }}"
)
_MAIL_ANSWER = "{{ ui_address('dags', dag.dag_id, 'runs', run_id, 'tasks', 'approve', 'required_actions') }}"

MAIL_APPROVAL = {
    "task_id": "approve",
    "required": "{{ params.require_approval }}",
    "doc_md": MAIL_DOCS["approve"],
    "subject": "Mail SSO links? " + _MAIL_LINE,
    "body": _MAIL_PLAN
    + """
| | |
| --- | --- |
| New links | {{ plan.invitation }} |
| Links in place of earlier ones, which no longer work | {{ plan.replacement }} |
| Reminders | {{ plan.reminder }} |
| Prospects who get no mail | {{ plan.none }} |

**Approve**: the mails are sent. **Reject**: this run mails nobody; pause the DAG too, or the next run does.
""",
}
"""The arguments of the task ``approve`` of the DAG that mails links."""

MAIL_APPROVAL_NOTICE = {
    "subject": "{{ dag.dag_id }} waits for your approval",
    "text": _MAIL_LINE
    + f""".
Approve or reject: {_MAIL_ANSWER}""",
}
"""The notification that mails wait for an approval."""

MAIL_NOTICE = {
    "subject": """
{%- set exported = ti.xcom_pull(task_ids='export_report') -%}
{{ dag.dag_id }}: {% if not exported -%} failed, there is no report
{%- elif exported.summary.failed or exported.summary.possibly_sent -%} not complete
{%- else -%} complete
{%- endif -%}""",
    "text": """
{%- set exported = ti.xcom_pull(task_ids='export_report') -%}
Run {{ run_id | e }}
{% if exported -%}
{{ exported.summary.rows }} rows
{%- for status in ('sent', 'possibly_sent', 'refused', 'failed', 'planned', 'skipped')
       if exported.summary.get(status) -%}
, {{ exported.summary[status] }} {{ status | replace('_', ' ') }}
{%- endfor %}
{%- else -%}
The log of the run's first failed task says why: {{ ui_address('dags', dag.dag_id, 'runs', run_id) }}
{%- endif -%}""",
}
"""The notification about the outcome of a run that mails links."""

_PLAN = "{% set plan = ti.xcom_pull(task_ids='plan_fan_out', key='plan') -%}"
_PLAN_LINE = (
    _PLAN + "Prospects: {{ plan.prospects }}, organizations: {{ plan.organizations }}, to create: {{ plan.create }}, "
    "to reuse: {{ plan.reuse }}, to replace: {{ plan.replace }}, invalid rows: {{ plan.invalid }}"
)
_ROWS = "{{ ui_address('sso-tickets', 'runs', dag.dag_id, run_id, 'rows') }}"
_ANSWER = "{{ ui_address('dags', dag.dag_id, 'runs', run_id, 'tasks', 'approve', 'required_actions') }}"

APPROVAL = {
    "task_id": "approve",
    "required": "{{ params.require_approval }}",
    "doc_md": CREATE_DOCS["approve"],
    "subject": "Create SSO tickets? " + _PLAN_LINE,
    "body": _PLAN
    + """
{%- if plan.links_not_in_ledger -%}
**Warning: the ledger is empty, but the newest report lists links that may still work: {{ plan.links_not_in_ledger }}.**
Their prospects get a second link if you approve. To avoid that, reject the plan and restore the ledger.

{% endif -%}
{%- if params.get('dry_run') -%}
**Dry run**: nothing is sent, whatever you choose.
{%- elif plan.revocations -%}
**Warning: links that customers may have received stop working: {{ plan.revocations }}.** They are revoked, because
{% if params.get('on_existing') == 'reissue' %}on_existing is reissue
{%- else %}rows have changed, or another prospect of their connection gets one
{%- endif %}.
The log of `plan_fan_out` names them. Mail the new links.
{%- else -%}
Valid links are reused, the others are created.
{%- endif %}

| | |
| --- | --- |
| Prospects | {{ plan.prospects }} |
| Organizations | {{ plan.organizations }} |
| Links to create | {{ plan.create }} |
| Links to finish a connection that exists | {{ plan.edit }} |
| Links to reuse | {{ plan.reuse }} |
| Links to replace | {{ plan.replace }} |
| Finished prospects, who need no link | {{ plan.finished }} |
| Prospects whose connection exists, who get no link | {{ plan.conflict }} |
| Invalid rows, which are left out | {{ plan.invalid }} |
| Warnings, see the log of `plan_fan_out` | {{ plan.warnings }} |
| Mapped tasks: {{ plan.fan_out }} | {{ plan.mapped_tasks }} |
| Seconds at the pool's rate | {{ plan.seconds if plan.seconds is not none else 'unknown' }} |

[All rows of the plan]("""
    + _ROWS
    + """)

**Approve**: the plan is carried out. **Reject**: nothing is sent, the report shows the rows as not attempted, and the
run fails.
""",
}
"""The arguments of the task ``approve``: what it asks, the body in Markdown."""

APPROVAL_NOTICE = {
    "subject": "{{ dag.dag_id }} waits for your approval",
    "text": _PLAN_LINE
    + f""".
Approve or reject: {_ANSWER}
All rows: {_ROWS}""",
}
"""The notification that a plan waits for an approval."""

OUTCOME_NOTICE = {
    "subject": """
{%- set exported = ti.xcom_pull(task_ids='export_report') -%}
{{ dag.dag_id }}: {% if not exported -%} failed, there is no report
{%- elif exported.summary.failed or exported.summary.not_attempted -%} not complete
{%- else -%} complete
{%- endif -%}""",
    "text": """
{%- set exported = ti.xcom_pull(task_ids='export_report') -%}
Run {{ run_id | e }}
{% if exported -%}
{{ exported.summary.rows }} rows
{%- for status in ('created', 'reused', 'planned', 'revoked', 'replaced', 'expired', 'conflict', 'finished',
                   'failed', 'not_attempted', 'invalid') if exported.summary.get(status) -%}
, {{ exported.summary[status] }} {{ status | replace('_', ' ') }}
{%- endfor %}
Report: {{ ui_address('sso-tickets', 'reports', dag.dag_id, run_id) }}
{%- else -%}
The log of the run's first failed task says why: {{ ui_address('dags', dag.dag_id, 'runs', run_id) }}
{%- endif -%}""",
}
"""The notification about the outcome of a run, of either DAG."""
