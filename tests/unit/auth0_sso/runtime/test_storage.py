"""Where a path or URI may lead: to local files and folders, and to the object storage that Airflow knows."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.io import fs
from auth0_sso.runtime.storage import LocationError, storage_path


@pytest.fixture
def nothing_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP", "ftp", "sftp", "memory", "data", "github", "simplecache"])
def test_a_scheme_that_only_fsspec_knows_is_refused_before_any_access(nothing_connects: None, scheme: str) -> None:
    with pytest.raises(LocationError, match=rf"^prospects_uri is a URI of kind '{scheme.lower()}', which no") as error:
        storage_path(f"{scheme}://user:pass-word@127.0.0.1:9/prospects.csv", "prospects_uri")
    assert "pass-word" not in str(error.value)
    assert "s3://aws_default@my-bucket/folder" in str(error.value)


@pytest.mark.parametrize(
    "uri",
    ["file:///tmp/a::http://127.0.0.1:9/x", "simplecache::http://127.0.0.1:9/x", " http://127.0.0.1:9/x", "http://["],
)
def test_what_hides_another_scheme_is_refused_too(nothing_connects: None, uri: str) -> None:
    with pytest.raises(LocationError, match=r"^report_uri is "):
        storage_path(uri, "report_uri")


def test_a_scheme_that_a_provider_has_registered_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fs, "_register_filesystems", lambda: {"s3": lambda *_: None})
    path = storage_path("s3://aws_default@my-bucket/prospects/", "prospects_uri")
    assert (path.protocol, path.conn_id, path.bucket) == ("s3", "aws_default", "my-bucket")


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}"])
def test_a_local_file_a_folder_and_what_is_missing_are_accepted(tmp_path: Path, form: str) -> None:
    (tmp_path / "a::b.csv").touch()
    for name in ("", "missing/folder", *(["a::b.csv"] if form == "{}" else [])):
        assert storage_path(form.format(tmp_path / name), "it").path == str(tmp_path / name)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("form", ["{}", "file://{}"])
@pytest.mark.parametrize("make", [_pipe, _socket, _link_to_a_device])
def test_a_pipe_a_socket_and_a_device_are_refused_without_being_opened(
    tmp_path: Path, make: Callable[[Path], None], form: str
) -> None:
    make(tmp_path / "it")
    with pytest.raises(LocationError, match=r"^report_uri is a pipe, a device or a socket"):
        storage_path(form.format(tmp_path / "it"), "report_uri")
