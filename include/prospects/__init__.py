"""From a CSV of prospects to checked requests and their plan."""

from __future__ import annotations

from include.files import write_batches as write_plan
from include.prospects.load import check_contents, load_prospects
from include.prospects.manifest import manifest_rows, read_lines, read_manifest, read_rows, write_manifest
from include.prospects.plan import Batch, OrganizationBatch, plan_batches
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects, ProspectsError
from include.prospects.rows.clients import clients_warning
from include.prospects.schema.describe import ColumnInfo, describe_columns
from include.prospects.schema.template import template_csv, template_xlsx

__all__ = [
    "Batch",
    "ColumnInfo",
    "InvalidRow",
    "OrganizationBatch",
    "Problem",
    "Prospect",
    "Prospects",
    "ProspectsError",
    "check_contents",
    "clients_warning",
    "describe_columns",
    "load_prospects",
    "manifest_rows",
    "plan_batches",
    "read_lines",
    "read_manifest",
    "read_rows",
    "template_csv",
    "template_xlsx",
    "write_manifest",
    "write_plan",
]
