"""A run's files. On a local disk only their owner may read them, from the moment they exist, whatever the umask is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from upath import UPath

    AnyPath: TypeAlias = UPath | Path

PLAN_FOLDER = "plan"
# The KubernetesExecutor sets it in the pod that it starts for a task.
_POD_VARIABLE = "AIRFLOW_IS_K8S_EXECUTOR_POD"
_BATCH_FILE = re.compile(r"batch-([0-9]{4,9})\.json")


class UnsharedFolderError(ValueError):
    """What is written into a folder here is seen by no other task."""


class ChangedFileError(ValueError):
    """A file of a run is not what the run's task wrote."""

    def __init__(self, file: object, task: str) -> None:
        super().__init__(
            f"{file} is not as {task} wrote it, so nothing of it is used. Find out who has changed it, and who may "
            f"write to the run's folder. Then clear {task} and all that follows it: it is written again."
        )


class Hashed:
    """The parts of a file, passed on as they come; ``sha256`` is that of all parts so far, in hexadecimal."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self._hash = sha256()

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._hash.update(part)
            yield part

    @property
    def sha256(self) -> str:
        """The digest of the parts that were passed on."""
        return self._hash.hexdigest()


class Batch(Protocol):
    """The work of one mapped task, a dataclass."""

    @property
    def label(self) -> str:
        """The task's label in the UI."""


def require_shared(folder: AnyPath) -> None:
    """
    Refuse a folder on the disk of a pod that runs one task alone; a mounted volume is another disk.

    :raises UnsharedFolderError: says what to set.
    """
    local = _local(folder)
    if local is None or not os.environ.get(_POD_VARIABLE):
        return
    there = next(parent for parent in (local, *local.parents) if parent.exists())
    if there.stat().st_dev == Path("/").stat().st_dev:
        raise UnsharedFolderError(
            f"The folder of reports, {local}, is on this pod's own disk, where no other task sees it. Set it, or "
            "SSO_TICKETS_REPORTS, to object storage such as s3://aws_default@my-bucket/sso-reports, "
            "or mount a volume there that all pods share."
        )


def make_private(folder: AnyPath) -> None:
    """
    Make a folder and its missing parents; on a local disk only its owner may enter it.

    Parents that exist keep their permissions. Object storage has its own permissions.
    """
    local = _local(folder)
    if local is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    for missing in reversed([local, *local.parents]):
        missing.mkdir(mode=0o700, exist_ok=True)
    # A folder on a mount may belong to another user; the files' own modes protect them there.
    with contextlib.suppress(PermissionError):
        local.chmod(0o700)


def write_private(folder: AnyPath, name: str, content: Iterable[bytes]) -> str:
    """Write a file, or replace it, and return its path; the file appears only when it is complete."""
    local = _local(folder)
    if local is None:
        with (folder / name).open("wb") as stream:
            stream.writelines(content)
    else:
        _replace(local / name, content)
    return str(folder / name)


def write_checked(folder: AnyPath, name: str, content: bytes) -> str:
    """Write a file as :func:`write_private` does, and return its SHA-256 in hexadecimal."""
    write_private(folder, name, [content])
    return sha256(content).hexdigest()


def read_checked(file: AnyPath, expected: str | None, task: str) -> bytes:
    """
    Return the content of a file that :func:`write_checked` wrote.

    :param expected: what it returned; None: any file will do.
    :param task: the task that wrote it.
    :raises ChangedFileError: if it is another file.
    :raises FileNotFoundError: if there is none.
    """
    if file.exists() and not file.is_file():  # a read from a pipe may never end
        raise ChangedFileError(file, task)
    with file.open("rb") as stream:
        content: bytes = stream.read()
    if expected is not None and sha256(content).hexdigest() != expected:
        raise ChangedFileError(file, task)
    return content


def write_batches(batches: Sequence[Batch], folder: AnyPath) -> list[dict[str, str]]:
    """
    Write ``plan/batch-0001.json`` and so on into the run's folder, and remove those of an earlier plan.

    :return: for each batch its ``label`` and, as ``batch`` and ``sha256``, its file's path and digest.
    """
    make_private(folder)
    plan_folder = folder / PLAN_FOLDER
    make_private(plan_folder)
    references = []
    for number, batch in enumerate(batches, 1):
        name = f"batch-{number:04d}.json"
        digest = write_checked(plan_folder, name, json_bytes(batch))
        references.append({"label": batch.label, "batch": str(plan_folder / name), "sha256": digest})
    _remove_batches_after(len(batches), plan_folder)
    return references


def json_bytes(value: Any) -> bytes:
    """Return compact JSON of nested mappings, lists and dataclasses."""
    return json.dumps(value, default=fields_of, separators=(",", ":")).encode()


def fields_of(record: Any) -> dict[str, Any]:
    """Return a dataclass instance's fields by name, without a copy of their values."""
    return {name: getattr(record, name) for name in _field_names(record.__class__)}


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _local(folder: AnyPath) -> Path | None:
    if isinstance(folder, Path):
        return Path(folder)
    return Path(folder.path) if folder.protocol in ("", "file", "local") else None


def _replace(file: Path, content: Iterable[bytes]) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(content)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _remove_batches_after(last: int, plan_folder: AnyPath) -> None:
    if not plan_folder.is_dir():  # object storage has no empty folders
        return
    for entry in cast("list[AnyPath]", list(plan_folder.iterdir())):
        found = _BATCH_FILE.fullmatch(entry.name)
        if found and int(found.group(1)) > last:
            entry.unlink()
