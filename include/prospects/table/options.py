"""How a spreadsheet is read whose columns, sheet or encoding are not the usual ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

ENCODINGS = ("utf-8", "windows-1252")
"""Of a CSV without a byte order mark."""

ON_UNKNOWN_COLUMNS = ("fail", "ignore")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """
    How an input is read; each field is a parameter of the DAG.

    :param columns: which column of the file is which column of ours; empty for one that is left out. Names are compared
        as :func:`~include.prospects.schema.columns.compared` says.
    :param on_unknown_columns: what becomes of a file with other columns: ``fail``, or ``ignore`` them.
    :param sheet: name of a workbook's sheet; empty: the visible one named *Prospects*, else the only visible one.
    :param encoding: see :data:`ENCODINGS`; a byte order mark comes before it.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    on_unknown_columns: str = "fail"
    sheet: str = ""
    encoding: str = "utf-8"

    @property
    def digest(self) -> str:
        """A short text that is another one for other options, to name a file by."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> ReadOptions:
        """Return the options that the parameters of a run give."""
        return cls(
            columns=params["columns"] or {},
            on_unknown_columns=params["on_unknown_columns"],
            sheet=params["sheet"] or "",
            encoding=params["encoding"],
        )


DEFAULT_OPTIONS = ReadOptions()
"""How a file is read that needs no options."""
