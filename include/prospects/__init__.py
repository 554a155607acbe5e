"""From a CSV of prospects to checked requests and the plan that serves them."""

from __future__ import annotations

from include.prospects.load import load_prospects
from include.prospects.manifest import read_manifest, write_manifest
from include.prospects.plan import Batch, OrganizationBatch, plan_batches, write_plan
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
    "plan_batches",
    "read_manifest",
    "write_manifest",
    "write_plan",
]
