"""From a CSV of prospects to checked requests and their plan."""

from __future__ import annotations

from include.files import write_batches as write_plan
from include.prospects.load import load_prospects
from include.prospects.manifest import manifest_rows, read_manifest, write_manifest
from include.prospects.plan import Batch, OrganizationBatch, plan_batches
from include.prospects.records import InvalidRow, Problem, Prospect, Prospects, ProspectsError

__all__ = [
    "Batch",
    "InvalidRow",
    "OrganizationBatch",
    "Problem",
    "Prospect",
    "Prospects",
    "ProspectsError",
    "load_prospects",
    "manifest_rows",
    "plan_batches",
    "read_manifest",
    "write_manifest",
    "write_plan",
]
