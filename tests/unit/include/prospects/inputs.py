"""CSV texts for the tests, and what becomes of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pytest
from openpyxl import Workbook

from include.prospects import Problem, Prospects, ProspectsError, load_prospects
from include.prospects.schema.models import USER_SCOPES

_SCOPES = {"provisioning_config.scopes": ";".join(USER_SCOPES)}
_VERIFIED = {"domain_aliases_config.domain_verification": "optional"}
COMPANIONS = {
    "enabled_features": {"connection_id": "con_1"},
    "enabled_features.sso": {"connection_id": "con_1"},
    "enabled_features.domain_verification": {"connection_id": "con_1"},
    "enabled_features.provisioning": {"connection_id": "con_1", **_SCOPES},
    "provisioning_config.token_lifetime": _SCOPES,
    "provisioning_config.google_workspace.sync_groups": {"provisioning_config.google_workspace.sync_users": "yes"},
    "domain_aliases_config.pending_domains": _VERIFIED,
    "use_for_organization_discovery": _VERIFIED,
}
"""Cells that a column needs beside it."""


def csv_of(*rows: Sequence[str], **dialect: Any) -> str:
    """Return a CSV, its header first."""
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue()


def workbook_of(*sheets: Sequence[Sequence[Any]], titles: Sequence[str] = ()) -> bytes:
    """Return a workbook (.xlsx) with these rows of values in each sheet."""
    workbook = Workbook()
    workbook.remove(workbook.active)
    for rows, title in zip_longest(sheets, titles):
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def load(*rows: Mapping[str, str], **settings: Any) -> Prospects:
    """Load rows given as mappings of column to cell; each has an organization unless it names one."""
    columns = list(dict.fromkeys(["organization_id", *(column for row in rows for column in row)]))
    cells = [[{"organization_id": "org_1", **row}.get(column, "") for column in columns] for row in rows]
    return load_prospects(None, text=csv_of(columns, *cells), **settings)


def problems_of(row: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return the problems of a row that is invalid."""
    loaded = load(row)
    assert loaded.valid == []
    return loaded.invalid[0].problems


def body_of(row: Mapping[str, str], **settings: Any) -> dict[str, Any]:
    """Return the request body of a row that is valid."""
    loaded = load(row, **settings)
    assert not loaded.invalid, loaded.invalid[0].error
    return loaded.valid[0].body


def refusal_of(text: str) -> list[str]:
    """Return the problems of a CSV that is refused as a whole."""
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text=text)
    return error.value.problems
