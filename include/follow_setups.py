"""The last step of a run that follows the setups, as a plain function: what the ledger knows → report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auth0_sso.models import ProspectSetup, TaskStats

from include import reports
from include.check_outcome import Exported

if TYPE_CHECKING:
    from include.files import AnyPath
    from include.folders import Run


def export(
    prospects: Sequence[ProspectSetup], read: Mapping[str, Any], tenant: str, folder: AnyPath, run: Run
) -> Exported:
    """
    Write the report of a run that ends now, a row for each prospect.

    :param read: what the task that reads has returned: ``notes``, sentences about what it could not find out, and
        ``stats``, see :class:`~auth0_sso.models.TaskStats`.
    :param tenant: the tenant's domain.
    """
    info = reports.run_info(run, [TaskStats(**read["stats"])], read["notes"], tenant=tenant)
    summary = reports.write_setups(folder, prospects, info)
    return Exported(str(folder), summary, [])
