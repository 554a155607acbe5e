"""Ask a person to approve the plan, if the run asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApprovePlanOperator(ApprovalOperator):
    """
    Wait for a person's approval of the plan, or pass at once.

    After a rejection the tasks right behind it are skipped: nothing is sent.

    :param required: whether to wait, as a boolean or by its rendered text. (templated)
    """

    template_fields = (*ApprovalOperator.template_fields, "required")

    def __init__(self, *, required: bool | str = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.required = required

    def execute(self, context: Context) -> Any:
        """Ask, or return at once."""
        if str(self.required).strip().lower() not in ("true", "1", "yes"):
            self.log.info("No approval is asked for (require_approval is false)")
            return None
        return super().execute(context)
