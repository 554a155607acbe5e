"""Mappings of columns that a person has chosen, kept for the next file with the same header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from include.files import json_bytes, make_private, write_private
from sso_ui.data.report_files import default_base

if TYPE_CHECKING:
    from include.files import AnyPath

FOLDER = "mappings"


def remember(user: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
    """
    Keep a mapping for a person's files with these names in their header.

    Only that person's files are read with it, so nobody can decide what another one's columns are.
    """
    folder = _folder()
    make_private(folder)
    write_private(folder, _file_name(user, names), [json_bytes(columns)])


def recall(user: str, names: Sequence[str]) -> dict[str, str] | None:
    """Return the mapping that a person has chosen for these names; None if there is none."""
    try:
        found: dict[str, str] = json.loads((_folder() / _file_name(user, names)).read_bytes())
    except FileNotFoundError:
        return None
    return found


def _folder() -> AnyPath:
    base: Any = default_base()
    folder: AnyPath = base / FOLDER
    return folder


def _file_name(user: str, names: Sequence[str]) -> str:
    return sha256(json_bytes([user, list(names)])).hexdigest() + ".json"
