"""Links from a task to what it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

PAGES_PREFIX = "/sso-tickets"


class ReportLink(BaseOperatorLink):
    """The run's report, for whoever may read the DAG's XComs; the link itself holds no ticket."""

    @property
    def name(self) -> str:
        """The button's label."""
        return "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the report's page in this Airflow."""
        base_url = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base_url}{PAGES_PREFIX}/reports/{quote(ti_key.dag_id, safe='')}/{quote(ti_key.run_id, safe='')}"
