"""
The numbers of a checked file, counted in a process of its own: ``python -m sso_ui.checks.counting MANIFEST``.

Its argument is the path of a manifest: a head, then a line for each row. Its standard input is a JSON object, the
``task``. Its standard output is a :class:`Preview` as JSON. The api-server, which has one interpreter lock for all its
requests, reads nothing of the rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from auth0_sso.exceptions import LedgerError
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import ExpectedCounts, TicketRequest
from auth0_sso.tickets.batch import spec_of
from auth0_sso.tickets.decide import Expected, Policy, count_expected, expected_actions
from auth0_sso.tickets.forecast import other_link_warnings
from auth0_sso.tickets.preflight import RunOptions
from sqlalchemy.exc import SQLAlchemyError

from include.files import json_bytes
from include.prospects import clients_warning
from include.prospects.manifest import is_invalid_row, read_row
from sso_ui.data.ledger import opened

_MAX_OTHERS = 200
_MAX_OTHERS_OF_A_ROW = 5
_SETTINGS = ("base_url", "profile_id", "custom_domain", "enabled_clients")


class IncompleteManifestError(ValueError):
    """The check has ended before it has written all rows."""


@dataclass(frozen=True)
class OtherLink:
    """A valid link that a prospect without a row has for a row's connection; ``key`` is of the ledger."""

    row: int
    key: str
    person: str
    valid_until: float | None


@dataclass(frozen=True)
class Preview:
    """
    The numbers of a checked file.

    :param ttl_sec: the lifetime that it was checked with, for rows that set none.
    :param reuse: what would happen if valid links are reused, ``reissue`` if they are replaced, ``edit`` if connections
        that exist are finished, ``reissue_edit`` if both; None if the ledger or the connection can't be read.
    :param unknown: why that is.
    :param is_first: whether there is no ledger yet, since no link was ever requested.
    :param counted_at: when the ledger was looked into, UNIX seconds.
    :param others: the first valid links of prospects without a row, those of a row together.
    """

    ttl_sec: int
    valid: int
    invalid: int
    organizations: int
    warnings: list[str]
    reuse: ExpectedCounts | None
    reissue: ExpectedCounts | None
    edit: ExpectedCounts | None
    reissue_edit: ExpectedCounts | None
    unknown: str
    is_first: bool = False
    counted_at: float = 0.0
    others: Sequence[OtherLink] = ()

    def counts(self, options: RunOptions) -> ExpectedCounts | None:
        """Return what a run with these options would do; None if that isn't known."""
        if options.policy.reissue:
            return self.reissue_edit if options.policy.edit else self.reissue
        return self.edit if options.policy.edit else self.reuse

    def requests(self, options: RunOptions) -> int:
        """Return how many requests a run sends; without a look into the ledger one a row."""
        counts = self.counts(options)
        return self.valid if counts is None else counts.requests


def task(ttl_sec: int, settings: Auth0Settings | None, ledger: str, unknown: str) -> bytes:
    """
    Return the standard input.

    :param settings: of the connection, whose secrets are left out; None if it can't be read.
    :param ledger: the URL of the ledger; empty if there is none yet.
    :param unknown: why one of them can't be read.
    """
    public = {name: getattr(settings, name) for name in _SETTINGS} if settings else None
    return json_bytes({"ttl_sec": ttl_sec, "settings": public, "ledger": ledger, "unknown": unknown})


def expected_rows(
    ledger: Ledger, requests: Iterable[TicketRequest], settings: Auth0Settings, options: RunOptions
) -> Iterator[Expected]:
    """Decide what a run with these options, if it started now, would do for requests."""
    specs = (spec_of(request, settings, options.profile_id, options.enabled_clients) for request in requests)
    return expected_actions(
        ledger,
        specs,
        _next_run(ledger),
        options.policy,
        one_link_per_connection=options.one_link_per_connection,
    )


def main() -> None:
    """Count the rows of the manifest that the command line names, and write the numbers."""
    try:
        preview = count(Path(sys.argv[1]), json.load(sys.stdin.buffer))
    except IncompleteManifestError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(json_bytes(asdict(preview)))


def count(manifest: Path, known: Mapping[str, Any]) -> Preview:
    """
    Count the rows of a manifest, and what would happen to them.

    :param known: what :func:`task` has made JSON of.
    :raises IncompleteManifestError: if rows are missing.
    """
    counted_at = time.time()
    with manifest.open("rb") as lines:
        head = json.loads(next(lines, b"{}"))
        rows = sum(1 for _line in lines)
    if head.get("rows") != rows:
        raise IncompleteManifestError("it has ended before all rows were checked. Divide the file.")
    organizations = Counter(request.organization_id for request in _requests(manifest))
    reuse, reissue, edit, reissue_edit, unknown = None, None, None, None, known["unknown"]
    warnings = list(head["warnings"])
    others: list[OtherLink] = []
    if not unknown:
        try:
            expected = _expected(_requests(manifest), Auth0Settings(**known["settings"]), known["ledger"])
            reuse, reissue, edit, reissue_edit = map(count_expected, expected)
            warnings += other_link_warnings(expected[0])
            others += islice(_others(expected[0], counted_at), _MAX_OTHERS)
            warnings += clients_warning(_requests(manifest), bool(known["settings"]["enabled_clients"]))
        except (LedgerError, SQLAlchemyError) as error:
            unknown = str(error).splitlines()[0]
    return Preview(
        ttl_sec=known["ttl_sec"],
        valid=organizations.total(),
        invalid=rows - organizations.total(),
        organizations=len(organizations),
        warnings=warnings,
        reuse=reuse,
        reissue=reissue,
        edit=edit,
        reissue_edit=reissue_edit,
        unknown=unknown,
        is_first=not unknown and not known["ledger"],
        counted_at=counted_at,
        others=others,
    )


def _requests(manifest: Path) -> Iterator[TicketRequest]:
    with manifest.open("rb") as lines:
        next(lines)
        for line in lines:
            row = None if is_invalid_row(line) else read_row(line)
            if isinstance(row, TicketRequest):
                yield row


def _expected(
    requests: Iterable[TicketRequest], settings: Auth0Settings, url: str
) -> tuple[list[Expected], Iterator[Expected], Iterator[Expected], Iterator[Expected]]:
    """Return what would happen if links are reused, if they are replaced, if connections are finished, if both."""
    with opened(url) as ledger:
        reuse = list(expected_rows(ledger, requests, settings, RunOptions()))
        attempt, now = _next_run(ledger), ledger.now()
    others = (Policy(reissue=True), Policy(edit=True), Policy(reissue=True, edit=True))
    reissue, edit, both = (_again(reuse, attempt, policy, now) for policy in others)
    return reuse, reissue, edit, both


def _again(expected: Iterable[Expected], attempt: RunAttempt, policy: Policy, now: float) -> Iterator[Expected]:
    return (one.again(attempt, policy, now) for one in expected)


def _others(expected: Iterable[Expected], now: float) -> Iterator[OtherLink]:
    for one in expected:
        for request in one.group.requests:
            for other in one.others[:_MAX_OTHERS_OF_A_ROW]:
                until = other.expires_at if other.is_valid(now) else None
                yield OtherLink(request.row, other.key, other.person, until)


def _next_run(ledger: Ledger) -> RunAttempt:
    return RunAttempt("", 0, ledger.now())


if __name__ == "__main__":
    main()
