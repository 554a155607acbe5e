"""A person's approval of the plan, if the run requires it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.hitl import ApprovalOperator

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.models import is_true
from auth0_sso.operators.links import ProfileLink, ui_address

if TYPE_CHECKING:
    from airflow.sdk import Context
    from jinja2 import Environment


class ApprovePlanOperator(ApprovalOperator):
    """
    Wait for a person's approval of the plan, or pass at once.

    After a rejection the tasks right behind it are skipped: nothing is sent. Its templates know
    :func:`~auth0_sso.operators.links.ui_address`.

    :param required: whether to wait, as a boolean or by its rendered text. (templated)
    :param auth0_conn_id: connection id of the tenant whose profiles the button *Auth0 profile* leads to. (templated)
    """

    template_fields = (*ApprovalOperator.template_fields, "required", "auth0_conn_id")
    operator_extra_links = (ProfileLink(),)

    def __init__(
        self, *, required: bool | str = True, auth0_conn_id: str = Auth0Hook.default_conn_name, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.required = required
        self.auth0_conn_id = auth0_conn_id

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """Render the templates, with ``ui_address`` beside Airflow's own names."""
        super().render_template_fields(cast("Context", {**context, "ui_address": ui_address}), jinja_env)

    def execute(self, context: Context) -> Any:
        """Wait for the approval, or return at once."""
        if not is_true(self.required):
            self.log.info("No approval is required")
            return None
        return super().execute(context)
