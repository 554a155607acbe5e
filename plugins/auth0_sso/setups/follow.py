"""Find out how far the customers have come: from the tenant's logs and connections into the ledger."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from auth0_sso.exceptions import GRANT_SCOPE, Auth0RowError, Auth0ScopeError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.reading import (
    READ_CONNECTIONS_SCOPE,
    READ_DISCOVERY_DOMAINS_SCOPE,
    READ_LOGS_SCOPE,
    READ_ORGANIZATION_CONNECTIONS_SCOPE,
    SetupReader,
)
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import Followed, ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import ConnectionFacts, Setup, SetupEvent, SetupState, iso
from auth0_sso.setups.duplicates import LATE_SECONDS, settle_duplicates
from auth0_sso.setups.state import ApiAnswers, Question, setup_of

T = TypeVar("T")

# Fewer connections are asked for by name, one a request; more are found in the list, a hundred a request.
_MAX_NAMES = 50
_CHUNK = 200

_FACTS = {
    READ_LOGS_SCOPE: "which links were opened, when, and what failed",
    READ_CONNECTIONS_SCOPE: "which connections exist, except by the logs",
    READ_ORGANIZATION_CONNECTIONS_SCOPE: "which connections are enabled, except by the logs",
    READ_DISCOVERY_DOMAINS_SCOPE: "which domains are verified, except by the logs",
}

log = logging.getLogger(__name__)


class NoReadingScopeError(ValueError):
    """The token has none of the scopes with which anything can be found out."""


class SetupFollower:
    """
    Find out how far the setups of a tenant's links have come, and keep it in the ledger.

    What was read is kept in parts. After a kill, the next run goes on from there, and nothing counts twice.

    ``has_changed`` says whether a setup has come further, or back, since it was found out last.

    :param hook: an open hook with a rate limiter.
    """

    def __init__(self, hook: Auth0Hook, ledger: Ledger) -> None:
        self.reader = SetupReader(hook)
        self._ledger = ledger
        self._tenant = hook.settings.domain
        self._log = SetupLog(ledger.database, self._tenant)
        self._retention = hook.settings.log_retention_days * 86_400.0
        self._scopes: set[str] = set()
        self._read: ReadTime | None = None
        self._enabled: dict[str, set[str] | None] = {}
        self._verified: dict[str, bool | None] = {}
        self.has_changed = False

    async def run(self, *, renew_token: bool) -> list[str]:
        """
        Read the logs, ask about the connections, keep what they tell, and settle possible duplicates.

        :param renew_token: see :meth:`~auth0_sso.hooks.reading.SetupReader.granted_scopes`.
        :return: sentences about what could not be found out.
        :raises NoReadingScopeError: if that is everything.
        :raises Auth0Error: as :class:`~auth0_sso.hooks.reading.SetupReader`; what was read before is kept.
        """
        self._scopes = set(await self.reader.granted_scopes(renew=renew_token))
        self._require_scope()
        gaps = await self._read_events()
        self._read = self._log.read()
        entries = self._entries_by_connection()
        exist = await self._existing(entries)
        names = list(entries)
        for start in range(0, len(names), _CHUNK):
            await self._find_out({name: entries[name] for name in names[start : start + _CHUNK]}, exist)
        self._require_scope()
        if READ_LOGS_SCOPE in self._scopes:
            settle_duplicates(self._ledger, self._log, self._tenant)
        missing = [scope for scope in _FACTS if scope not in self._scopes]
        return [*gaps, *(f"Without the scope {scope} it is not known {_FACTS[scope]}." for scope in missing)]

    def _require_scope(self) -> None:
        if not self._scopes:
            raise NoReadingScopeError(
                f"Nothing can be found out: the token has none of the scopes {', '.join(_FACTS)}. {GRANT_SCOPE}"
            )

    async def _read_events(self) -> list[str]:
        """Read the logs from where they were read last, with an overlap; return a sentence if some are gone."""
        if READ_LOGS_SCOPE not in self._scopes:
            return []
        now, before = self._ledger.now(), self._log.read()
        oldest = now - self._retention
        start = max(oldest, before.read_until - LATE_SECONDS) if before else oldest
        has_gap = before is not None and before.read_until < oldest
        read_from = before.read_from if before and not has_gap else start
        try:
            async for events, read_until in self.reader.setup_events(start, now):
                named = [event for event in events if event.connection_name]
                new = self._log.add_events(named, ReadTime(read_from, read_until))
                log.info("Logs are read until %s: %d new events", iso(read_until), new)
        except Auth0ScopeError:
            self._scopes.discard(READ_LOGS_SCOPE)
            return []
        if before is None or not has_gap:
            return []
        return [
            f"What was logged from {iso(before.read_until)} to {iso(oldest)} was never read, and is older than the "
            "connection's log_retention_days, so it is taken for gone."
        ]

    def _entries_by_connection(self) -> dict[str, list[Entry]]:
        entries = defaultdict(list)
        for entry in self._ledger.entries_of_tenant(self._tenant):
            entries[entry.connection_name].append(entry)
        return dict(entries)

    async def _existing(self, names: Collection[str]) -> Mapping[str, ConnectionFacts] | None:
        """Return those of the connections that exist, by name and by id; None if nobody can tell."""
        if not names:
            return {}
        is_few = len(names) <= _MAX_NAMES and not any(map(_is_id, names))
        found = await self._ask(READ_CONNECTIONS_SCOPE, partial(self._named, names) if is_few else self._listed)
        if found is None:
            return None
        return {key: connection for connection in found for key in (connection.name, connection.id)}

    async def _named(self, names: Iterable[str]) -> list[ConnectionFacts]:
        answers = [await self.reader.connection_by_name(name) for name in names]
        return [connection for connection in answers if connection is not None]

    async def _listed(self) -> list[ConnectionFacts]:
        return [connection async for connection in self.reader.connections()]

    async def _find_out(
        self, entries: Mapping[str, Sequence[Entry]], exist: Mapping[str, ConnectionFacts] | None
    ) -> None:
        """Find out how far some connections have come, and keep that."""
        names = {key: exist[key].name if exist and key in exist else key for key in entries}
        events = self._log.events(set(names.values()))
        followed = self._log.followed(entries)
        before = {key: one.known.setup for key, one in followed.items() if one.known is not None}
        setups = {}
        for key, of_connection in entries.items():
            found = exist.get(key) if exist is not None else None
            answers = ApiAnswers(
                exists=found is not None if exist is not None else None,
                connection_id=found.id if found else "",
                asked_at=self._ledger.now(),
            )
            question = _question(of_connection, followed[key])
            setups[key] = await self._setup(
                question, of_connection, events.get(names[key], []), answers, before.get(key)
            )
        self.has_changed = self.has_changed or setups != before
        self._log.keep(setups, self._ledger.now())

    async def _setup(
        self,
        question: Question,
        entries: Sequence[Entry],
        events: Sequence[SetupEvent],
        answers: ApiAnswers,
        before: Setup | None,
    ) -> Setup:
        has_logs = self._is_logged_since(min(question.created_at))
        setup = setup_of(question, events, answers, before, has_logs=has_logs)
        if not setup.is_connected or setup.state == SetupState.ENABLED or not setup.connection_id:
            return setup
        organizations = sorted({entry.organization_id for entry in entries})
        is_enabled = await self._is_enabled(setup.connection_id, organizations)
        has_domain = None
        if question.requires_domain and not is_enabled:
            has_domain = await self._has_domain(organizations)
        answers = ApiAnswers(
            exists=answers.exists,
            connection_id=setup.connection_id,
            is_enabled=is_enabled,
            has_verified_domain=has_domain,
            asked_at=self._ledger.now(),
        )
        return setup_of(question, events, answers, before, has_logs=has_logs)

    def _is_logged_since(self, moment: float) -> bool:
        """Whether the logs are read, and have been since that UNIX time, so that no event means that nothing was."""
        is_read = self._read is not None and self._read.read_from <= moment
        return READ_LOGS_SCOPE in self._scopes and is_read

    async def _is_enabled(self, connection_id: str, organizations: Iterable[str]) -> bool | None:
        """Return whether a connection is enabled for all these organizations; None if nobody can tell."""
        for organization in organizations:
            if organization not in self._enabled:
                ask = partial(self.reader.enabled_connection_ids, organization)
                self._enabled[organization] = await self._ask(READ_ORGANIZATION_CONNECTIONS_SCOPE, ask)
            enabled = self._enabled[organization]
            if enabled is None:
                return None
            if connection_id not in enabled:
                return False
        return True

    async def _has_domain(self, organizations: Iterable[str]) -> bool | None:
        """Return whether one of these organizations has a verified domain; None if nobody can tell."""
        for organization in organizations:
            if organization not in self._verified:
                ask = partial(self.reader.discovery_domains, organization)
                domains = await self._ask(READ_DISCOVERY_DOMAINS_SCOPE, ask)
                self._verified[organization] = None if domains is None else any(one.is_verified for one in domains)
        answers = [self._verified[organization] for organization in organizations]
        return None if None in answers else any(answers)

    async def _ask(self, scope: str, question: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer to a question; None without its scope, or if it is refused."""
        if scope not in self._scopes:
            return None
        try:
            return await question()
        except Auth0ScopeError:
            self._scopes.discard(scope)
        except Auth0RowError as error:
            log.warning("Auth0 does not answer: %s", error)
        return None


def _question(entries: Sequence[Entry], followed: Followed) -> Question:
    return Question(
        created_at=[entry.created_at or entry.requested_at for entry in entries],
        spans=followed.spans,
        flow_types={entry.flow_type for entry in entries},
        requires_domain=any(entry.requires_domain for entry in entries),
    )


def _is_id(name: str) -> bool:
    """Whether it is a connection's id, ``con_…``: no name has an underscore."""
    return "_" in name
