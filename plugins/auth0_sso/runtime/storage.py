"""Paths on local disks and in the object storage that Airflow knows."""

from __future__ import annotations

import os
import stat
from urllib.parse import urlsplit

from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import has_fs

_LOCAL = ("", "file", "local")
_ADVICE = (
    "Nothing was read. Give a path, or a URI of object storage such as s3://aws_default@my-bucket/folder, and trigger "
    "another run."
)


class LocationError(ValueError):
    """A path or URI leads to what no task reads or writes: a web server, a pipe, a device."""


def storage_path(uri: str, name: str) -> ObjectStoragePath:
    """
    Return the path of a URI, once it is known to lead to a local file or folder, or to object storage.

    Object storage is what an installed provider has registered with Airflow. ``fsspec`` would also fetch ``http`` and
    ``ftp``, from where the worker stands. Nothing is opened and no host is asked.

    :param uri: a path, or a URI such as ``s3://aws_default@my-bucket/prospects``. What it names may be missing.
    :param name: the parameter or file that it is, for messages.
    :raises LocationError: if it leads elsewhere; the message doesn't show it, since a URI may contain a password.
    """
    try:
        scheme = urlsplit(uri).scheme
    except ValueError:
        raise LocationError(f"{name} is no path and no URI. {_ADVICE}") from None
    if scheme not in _LOCAL and not has_fs(scheme):
        kind = f"a URI of kind '{scheme}', which no installed provider of storage serves"
        raise LocationError(f"{name} is {kind}. {_ADVICE}")
    if scheme and "::" in uri:  # fsspec would fetch what comes after it
        raise LocationError(f"{name} is a chain of URIs. {_ADVICE}")
    path = ObjectStoragePath(uri)
    if scheme in _LOCAL:
        _require_file_or_folder(path.path, name)
    return path


def _require_file_or_folder(path: str, name: str) -> None:
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError):  # it is missing or can't be reached: who reads or writes it says so
        return
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise LocationError(f"{name} is a pipe, a device or a socket, not a regular file or a folder. {_ADVICE}")
