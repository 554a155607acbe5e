"""
From the tenant's logs and the API's answers to how far a connection's setup has come. Nothing is read or written here.

Source: Auth0's tenant logs of self-service SSO, https://auth0.com/docs/tenant-logs. They name the connection, not the
link: the state is the connection's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from auth0_sso.models import OPENED_EVENT, Setup, SetupEvent, SetupState, Spans, is_scanner, scanner_spans

CREATED = "ss_sso_connection_creation"
ENABLED = "ss_sso_enable_connection"
VERIFIED = ("ss_sso_domain_verification_successful", "ss_sso_associate_verified_domain")

_GONE = "The connection that was seen before is gone."


@dataclass(frozen=True)
class Question:
    """
    The setup that is asked about.

    :param created_at: when each of its links was made, UNIX seconds. Events before the first link are of another
        connection that had the name.
    :param spans: when openings are a mail scanner's.
    :param flow_types: of its links: ``create``, and ``update`` if one edits the connection.
    :param requires_domain: whether it can't be enabled before a domain is verified.
    """

    created_at: Sequence[float]
    spans: Spans = ()
    flow_types: Collection[str] = ("create",)
    requires_domain: bool = False


@dataclass(frozen=True)
class ApiAnswers:
    """
    What the API says of the connection; None for what was not asked, or could not be.

    :param exists: whether there is a connection of the name; ``connection_id`` is its id.
    :param is_enabled: whether it is enabled for the organization.
    :param has_verified_domain: whether a domain of the organization is verified.
    :param asked_at: UNIX seconds.
    """

    exists: bool | None = None
    connection_id: str = ""
    is_enabled: bool | None = None
    has_verified_domain: bool | None = None
    asked_at: float = 0.0


def setup_of(
    question: Question, events: Iterable[SetupEvent], answers: ApiAnswers, before: Setup | None, *, has_logs: bool
) -> Setup:
    """
    Return how far a setup has come.

    An answer of the API comes before the logs, unless an event is later than the answer.

    :param events: all that are known of the connection's name, in any order; one that comes twice counts once.
    :param before: what was known, of which the API tells nothing any more.
    :param has_logs: whether the logs are read, so that no event means that nothing has happened.
    """
    seen = _since_the_first_link(question, events)
    of_the_links = [one for one in seen if one.flow_type in question.flow_types]
    openings = [one.at for one in of_the_links if one.name == OPENED_EVENT and one.succeeded]
    after_links = scanner_spans((at, at) for at in question.created_at)
    by_customer = [at for at in openings if not is_scanner(at, after_links) and not is_scanner(at, question.spans)]
    failures = [one for one in seen if not one.succeeded and one.message]
    exists, connected_at = _connected(seen, answers, before)
    is_enabled, enabled_at = _enabled(seen, answers, before) if exists else (False, None)
    is_gone = answers.exists is False and not exists and connected_at is not None
    lacks_domain = question.requires_domain and _lacks_domain(seen, answers, has_logs=has_logs)
    is_waiting = exists and not is_enabled and lacks_domain
    return Setup(
        state=_state(exists, is_enabled, is_waiting, is_gone, by_customer, has_logs=has_logs),
        opened=len(openings),
        first_opened_at=min(by_customer, default=None),
        last_opened_at=max(by_customer, default=None),
        connected_at=None if is_gone else connected_at,
        enabled_at=enabled_at,
        waiting_since=connected_at if is_waiting else None,
        last_failure=failures[-1].message if failures else "",
        connection_id=answers.connection_id or (before.connection_id if before and exists else ""),
        seen_in=_sources(seen, answers, has_logs=has_logs),
        knows_enabled=is_enabled or has_logs or answers.is_enabled is not None,
        note=_GONE if is_gone else "",
    )


def _since_the_first_link(question: Question, events: Iterable[SetupEvent]) -> list[SetupEvent]:
    first_link = min(question.created_at)
    once = {event.log_id: event for event in events if event.at >= first_link}
    return sorted(once.values(), key=lambda event: event.at)


def _connected(seen: Sequence[SetupEvent], answers: ApiAnswers, before: Setup | None) -> tuple[bool, float | None]:
    """Return whether the connection exists, and since when at the latest."""
    times = [event.at for event in seen if event.name in (CREATED, ENABLED) and event.succeeded]
    if before is not None and before.connected_at is not None:
        times.append(before.connected_at)
    if answers.exists:
        return True, min([*times, answers.asked_at])
    if answers.exists is False:
        is_later = any(at > answers.asked_at for at in times)
        return is_later, min(times, default=None)
    return bool(times), min(times, default=None)


def _enabled(seen: Sequence[SetupEvent], answers: ApiAnswers, before: Setup | None) -> tuple[bool, float | None]:
    """Return whether the connection is enabled for the organization, and since when at the latest."""
    times = [event.at for event in seen if event.name == ENABLED and event.succeeded]
    if before is not None and before.enabled_at is not None:
        times.append(before.enabled_at)
    if answers.is_enabled:
        return True, min([*times, answers.asked_at])
    later = [at for at in times if answers.is_enabled is None or at > answers.asked_at]
    return bool(later), min(later, default=None)


def _lacks_domain(seen: Sequence[SetupEvent], answers: ApiAnswers, *, has_logs: bool) -> bool:
    """Whether no domain is verified, as far as anybody can tell."""
    if answers.has_verified_domain is not None:
        return not answers.has_verified_domain
    return has_logs and not any(event.name in VERIFIED and event.succeeded for event in seen)


def _state(
    exists: bool, is_enabled: bool, is_waiting: bool, is_gone: bool, by_customer: Sequence[float], *, has_logs: bool
) -> SetupState:
    if is_enabled:
        return SetupState.ENABLED
    if is_waiting:
        return SetupState.WAITING_FOR_DOMAIN
    if exists:
        return SetupState.CONNECTED
    if is_gone:
        return SetupState.NOT_OPENED
    if by_customer:
        return SetupState.OPENED
    return SetupState.NOT_OPENED if has_logs else SetupState.UNKNOWN


def _sources(seen: Sequence[SetupEvent], answers: ApiAnswers, *, has_logs: bool) -> tuple[str, ...]:
    is_in = {"logs": has_logs or bool(seen), "API": answers.exists is not None or answers.is_enabled is not None}
    return tuple(source for source, is_true in is_in.items() if is_true)
