"""A search for secrets in what Airflow and the project leave behind, in each form that they may have."""

from __future__ import annotations

import base64
import html
import json
import re
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from dev.sandbox.server import Sandbox

Places = dict[str, bytes]


@dataclass(frozen=True)
class Leak:
    """Where a secret was found; ``secret`` is its name."""

    place: str
    secret: str
    form: str


def tokens_of(tenant: Sandbox) -> dict[str, str]:
    """Return each access token, and each signature."""
    secrets: dict[str, str] = {}
    for number, token in enumerate(tenant.access_tokens):
        secrets |= {f"token {number}": token, f"signature of token {number}": token.rpartition(".")[2]}
    return secrets


def tickets_of(tenant: Sandbox) -> dict[str, str]:
    """Return each ticket's URL, and each id, which opens it as well."""
    secrets: dict[str, str] = {}
    for number, ticket in enumerate(tenant.tickets):
        url = f"{tenant.url}/self-service/connections-flow?ticket={ticket.id}"
        secrets |= {f"ticket {number}": url, f"ticket id {number}": ticket.id}
    return secrets


def forms_of(secret: str) -> dict[str, set[bytes]]:
    """Return the forms of a secret, by name."""
    escaped = json.dumps(secret)[1:-1]
    texts = {
        "plain": {secret},
        "URL-encoded": {quote(secret), quote(secret, safe=""), quote(quote(secret, safe=""))},
        "JSON-escaped": {
            escaped,
            escaped.replace("/", "\\/"),
            escaped.replace("&", "\\u0026"),
            json.dumps(escaped)[1:-1],
            json.dumps(json.dumps(escaped))[3:-3],
        },
        "HTML-escaped": {html.escape(secret)},
        "repr": {repr(secret)[1:-1], repr(repr(secret))[2:-2]},
    }
    texts["URL-encoded"] |= {re.sub("%..", lambda found: found[0].lower(), text) for text in texts["URL-encoded"]}
    encoded = {name: {text.encode() for text in found} for name, found in texts.items()}
    return {**encoded, "base64": _in_base64(secret.encode())}


def _in_base64(secret: bytes) -> set[bytes]:
    """Return what is the same in every base64 text that contains it, for each of the three offsets."""
    found = set()
    for offset in range(3):
        first, last = -(-offset * 4 // 3), (offset + len(secret)) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * offset + secret)[first:last])
    return found


def find(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> set[Leak]:
    """Search all places for all secrets in all their forms; both are given by name."""
    wanted: dict[bytes, tuple[str, str]] = {}
    for name, secret in secrets.items():
        for form, texts in forms_of(secret).items():
            for text in texts:
                wanted.setdefault(text, (name, form))
    return {Leak(place, *wanted[text]) for place, content in places.items() for text in wanted if text in content}


def in_database(file: Path) -> Places:
    """
    Return the content of a SQLite database by ``{table}.{column}``.

    An XCom's value is a place of its own: ``xcom.value of {dag}.{task}[{key}]``.
    """
    places: dict[str, list[bytes]] = {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as database:
        database.row_factory = sqlite3.Row
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for column in row.keys():  # noqa: SIM118
                    places.setdefault(_place(table, column, row), []).append(_as_bytes(row[column]))
    return {place: b"\n".join(values) for place, values in places.items()}


def _place(table: str, column: str, row: sqlite3.Row) -> str:
    if (table, column) == ("xcom", "value"):
        return f"xcom.value of {row['dag_id']}.{row['task_id']}[{row['key']}]"
    return f"{table}.{column}"


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def in_files(folder: Path, *, skip: Callable[[Path], bool]) -> Places:
    """Return the content of the files under a folder, and their names."""
    return {
        str(file.relative_to(folder)): str(file).encode() + b"\n" + file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not skip(file)
    }


class ProcessWatch:
    """Looks ten times a second at the arguments and environments of a process (``root``) and its descendants."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._seen: dict[str, set[bytes]] = {"arguments": set(), "environment": set()}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(10)

    @property
    def places(self) -> Places:
        """Return what was seen."""
        return {f"process {what}": b"\n".join(list(seen)) for what, seen in self._seen.items()}

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(self._root)
                for process in [root, *root.children(recursive=True)]:
                    for what, file in (("arguments", "cmdline"), ("environment", "environ")):
                        with suppress(OSError):  # it has ended
                            self._seen[what].add(Path(f"/proc/{process.pid}/{file}").read_bytes())
