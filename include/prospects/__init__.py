"""From a CSV of prospects to checked requests and their plan."""

from __future__ import annotations

from include.prospects.load import check_contents, load_prospects
from include.prospects.manifest import InputRows, read_lines, read_manifest, read_rows, write_manifest
from include.prospects.plan import Batch, plan_batches
from include.prospects.records import InvalidRow, Problem, Prospects, ProspectsError
from include.prospects.rows.clients import clients_warning
from include.prospects.schema.describe import ColumnInfo, describe_columns
from include.prospects.schema.template import template_csv, template_xlsx
from include.prospects.table.options import ReadOptions

__all__ = [
    "Batch",
    "ColumnInfo",
    "InputRows",
    "InvalidRow",
    "Problem",
    "Prospects",
    "ProspectsError",
    "ReadOptions",
    "check_contents",
    "clients_warning",
    "describe_columns",
    "load_prospects",
    "plan_batches",
    "read_lines",
    "read_manifest",
    "read_rows",
    "template_csv",
    "template_xlsx",
    "write_manifest",
]
