"""Ask a person to approve the plan, if the run asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from auth0_sso.models import is_true

if TYPE_CHECKING:
    from airflow.sdk import Context

_CONSEQUENCES = """
{%- if params.get('dry_run') -%}
This is a dry run: nothing is sent, whatever you choose.
{%- elif params.get('on_existing') == 'reissue' -%}
**Approve**: links that still live are revoked and issued anew.
{%- else -%}
**Approve**: links that still live are reused, the others are issued.
{%- endif %}

**Reject**: nothing is sent, the report shows the rows as not attempted, and the run fails.
"""


class ApprovePlanOperator(ApprovalOperator):
    """
    Wait for a person's approval of the plan, or pass at once.

    After a rejection the tasks right behind it are skipped: nothing is sent.

    :param required: whether to wait, as a boolean or by its rendered text. (templated)
    :param body: Markdown below the question; says what either answer leads to, unless given. (templated)
    """

    template_fields = (*ApprovalOperator.template_fields, "required")

    def __init__(self, *, required: bool | str = True, body: str = _CONSEQUENCES, **kwargs: Any) -> None:
        super().__init__(body=body, **kwargs)
        self.required = required

    def execute(self, context: Context) -> Any:
        """Ask, or return at once."""
        if not is_true(self.required):
            self.log.info("No approval is asked for (require_approval is false)")
            return None
        return super().execute(context)
