"""The folder of a run's report."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.files import AnyPath

_NAME_LIMIT = 200
_DIGITS = 16
_TIME = re.compile(r"(?<=T\d\d)_(\d\d)_(\d\d(?:\.\d+)?[+-]\d\d)_(?=\d\d)", re.ASCII)


def run_folder(base: AnyPath, dag_id: str, run_id: str) -> AnyPath:
    """Return the folder of a run's report: ``{base}/{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``. Unless these are the
    colons of a time, as in Airflow's own run ids, the name then ends with a digest of the original, so that no two
    runs share a folder. So does a name of over 200 characters, or one of dots only.
    """
    return base / _safe_name(dag_id) / _safe_name(run_id)


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+=@-]", "_", name)
    # Only a name that can be derived from the folder, and has no digest itself, needs no digest.
    if (
        _TIME.sub(r":\1:\2:", safe) == name
        and safe.strip(".")
        and len(safe) <= _NAME_LIMIT
        and not re.search(rf"-[0-9a-f]{{{_DIGITS}}}$", safe)
    ):
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{safe[: _NAME_LIMIT - _DIGITS - 1]}-{digest}"
