"""Where a run's report lies."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.files import AnyPath

_NAME_LIMIT = 200


def run_folder(base: AnyPath, dag_id: str, run_id: str) -> AnyPath:
    """Name the folder of a run's report: ``{base}/{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``; ``.``, ``..`` and
    the empty name become underscores too. A name of more than 200 characters is cut and ends with a digest of
    the whole.
    """
    return base / _safe_name(dag_id) / _safe_name(run_id)


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+=@-]", "_", name)
    if not safe.strip("."):
        return "_" * max(len(safe), 1)
    if len(safe) <= _NAME_LIMIT:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{safe[: _NAME_LIMIT - 13]}-{digest}"
