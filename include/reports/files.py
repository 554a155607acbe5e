"""Where a run's report lies, and how its files get there whole and unread by others."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from upath import UPath

    AnyPath: TypeAlias = UPath | Path

_NAME_LIMIT = 200


def run_folder(base: AnyPath, dag_id: str, run_id: str) -> AnyPath:
    """Name the folder of a run's report: ``{base}/{dag_id}/{run_id}``.

    In both names, characters other than ASCII letters, digits and ``._+=@-`` become ``_``; ``.``, ``..`` and
    the empty name become underscores too. A name of more than 200 characters is cut and ends with a digest of
    the whole.
    """
    return base / _safe_name(dag_id) / _safe_name(run_id)


def write_file(folder: AnyPath, name: str, content: bytes) -> str:
    """Write one file of the report, replacing an older one.

    On a local disk the file appears under its name only when it is whole, readable by its owner alone, in a
    folder that is its owner's alone too: it may hold ticket URLs. Object storage puts files whole by itself
    and keeps its own permissions.

    :return: the file's path.
    """
    make_private(folder)
    local = _local(folder)
    if local is None:
        (folder / name).write_bytes(content)
    else:
        _replace(local / name, content)
    return str(folder / name)


def make_private(folder: AnyPath) -> None:
    """Make the folder of a run, if it is missing; on a local disk it is its owner's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if (local := _local(folder)) is not None:
        # A folder on a mount may belong to somebody else; the files' own modes protect them there.
        with contextlib.suppress(PermissionError):
            local.chmod(0o700)


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._+=@-]", "_", name)
    if not safe.strip("."):
        return "_" * max(len(safe), 1)
    if len(safe) <= _NAME_LIMIT:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{safe[: _NAME_LIMIT - 13]}-{digest}"


def _local(folder: AnyPath) -> Path | None:
    if isinstance(folder, Path):
        return Path(folder)
    return Path(folder.path) if folder.protocol in ("", "file", "local") else None


def _replace(file: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
