"""A person's approval of the plan, if the run requires it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.hitl import ApprovalOperator

from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.models import is_true
from auth0_sso.operators.links import ProfileLink, ui_address

if TYPE_CHECKING:
    from airflow.sdk import Context
    from jinja2 import Environment


TIMEOUT_VARIABLE = "SSO_TICKETS_APPROVAL_TIMEOUT"
DEFAULT_TIMEOUT = timedelta(days=2)
_HOURS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")


class ApprovalSettingError(ValueError):
    """The setting that says how long a question waits for its answer is malformed."""


def timeout_setting() -> timedelta:
    """Return how long a question waits: ``SSO_TICKETS_APPROVAL_TIMEOUT`` in hours, by default two days."""
    setting = os.environ.get(TIMEOUT_VARIABLE, "").strip()
    if not setting:
        return DEFAULT_TIMEOUT
    if not _HOURS.fullmatch(setting) or float(setting) == 0:
        raise ApprovalSettingError(f"{TIMEOUT_VARIABLE} is {setting!r}. It must be a number of hours above 0, like 48.")
    return timedelta(hours=float(setting))


class ApprovePlanOperator(ApprovalOperator):
    """
    Wait for a person's approval of the plan, or pass at once.

    After a rejection the tasks right behind it are skipped: nothing is sent. A question that nobody answers in time is
    rejected, since the DAG's next run would wait for its answer too. Its templates know
    :func:`~auth0_sso.operators.links.ui_address`.

    :param required: whether to wait, as a boolean or by its rendered text. (templated)
    :param approval_timeout: how long to wait; None: see :func:`timeout_setting`.
    :param auth0_conn_id: connection id of the tenant whose profiles the button *Auth0 profile* leads to. (templated)
    """

    template_fields = (*ApprovalOperator.template_fields, "required", "auth0_conn_id")
    operator_extra_links = (ProfileLink(),)

    def __init__(
        self,
        *,
        required: bool | str = True,
        approval_timeout: timedelta | None = None,
        auth0_conn_id: str = Auth0Hook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        timeout = approval_timeout or timeout_setting()
        super().__init__(defaults=self.REJECT, response_timeout=timeout, **kwargs)
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

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Carry out the answer; the log says if there was none."""
        if event.get("timedout"):
            self.log.warning(
                "Nobody has answered within %s, so the plan is rejected: nothing is sent. Clear the task to ask again.",
                self.response_timeout,
            )
        return super().execute_complete(context, dict(event))
