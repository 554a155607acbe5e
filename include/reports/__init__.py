"""The report of a run: rows joined with their outcomes, as CSV, XLSX, a web page and a summary."""

from __future__ import annotations

from include.reports.charts.rate_samples import RateSample, rate_samples
from include.reports.earlier_links import ReportedLinks, newest_links
from include.reports.export import write_deliveries, write_report, write_revocations, write_setups
from include.reports.rows import join_rows
from include.reports.setups import SETUP_COLUMNS
from include.reports.summary import RunInfo, run_info
from include.reports.tables import csv_parts, read_tickets, table_of, xlsx_bytes

__all__ = [
    "SETUP_COLUMNS",
    "RateSample",
    "ReportedLinks",
    "RunInfo",
    "csv_parts",
    "join_rows",
    "newest_links",
    "rate_samples",
    "read_tickets",
    "run_info",
    "table_of",
    "write_deliveries",
    "write_report",
    "write_revocations",
    "write_setups",
    "xlsx_bytes",
]
