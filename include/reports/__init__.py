"""The report of a run: rows joined with their outcomes, as CSV, XLSX, a web page and a summary."""

from __future__ import annotations

from include.reports.charts.rate_samples import RateSample, rate_samples
from include.reports.export import write_report, write_revocations
from include.reports.files import ReportedLinks, newest_links, run_folder
from include.reports.revocations import REVOCATION_COLUMNS, REVOCATION_STATUSES, RevocationRow
from include.reports.rows import COLUMNS, STATUSES, ReportRow, join_rows
from include.reports.summary import RunInfo
from include.reports.tables import read_tickets

__all__ = [
    "COLUMNS",
    "REVOCATION_COLUMNS",
    "REVOCATION_STATUSES",
    "STATUSES",
    "RateSample",
    "ReportRow",
    "ReportedLinks",
    "RevocationRow",
    "RunInfo",
    "join_rows",
    "newest_links",
    "rate_samples",
    "read_tickets",
    "run_folder",
    "write_report",
    "write_revocations",
]
