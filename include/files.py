"""Files that only their owner may read, from the moment they exist, whatever the umask is."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from upath import UPath

    AnyPath: TypeAlias = UPath | Path


def make_private(folder: AnyPath) -> None:
    """Make a folder and what is missing above it; on a local disk it is its owner's alone.

    Folders above it that are there already keep their permissions. Object storage keeps its own.

    :param folder: local or in object storage.
    """
    local = _local(folder)
    if local is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    for missing in reversed([local, *local.parents]):
        missing.mkdir(mode=0o700, exist_ok=True)
    # A folder on a mount may belong to somebody else; the files' own modes protect them there.
    with contextlib.suppress(PermissionError):
        local.chmod(0o700)


def write_private(folder: AnyPath, name: str, content: Iterable[bytes]) -> str:
    """Write a file, replacing an older one.

    On a local disk the file appears under its name only when it is whole, and only its owner may read it.
    Object storage puts files whole by itself and keeps its own permissions.

    :param folder: what :func:`make_private` has made.
    :param name: the file's name.
    :param content: the file's parts.
    :return: the file's path.
    """
    local = _local(folder)
    if local is None:
        with (folder / name).open("wb") as stream:
            for part in content:
                stream.write(part)
    else:
        _replace(local / name, content)
    return str(folder / name)


def _local(folder: AnyPath) -> Path | None:
    if isinstance(folder, Path):
        return Path(folder)
    return Path(folder.path) if folder.protocol in ("", "file", "local") else None


def _replace(file: Path, content: Iterable[bytes]) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            for part in content:
                stream.write(part)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
