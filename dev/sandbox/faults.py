"""Faults on request: each says to which calls it applies, what it does and how often."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

Route = Literal[
    "create",
    "revoke",
    "profile",
    "logs",
    "connections",
    "organization_connections",
    "discovery_domains",
    "token",
    "other",
]
Stage = Literal["limit", "authorize", "token", "before", "after", "headers", "now"]
Action = Literal["refuse", "answer", "drop", "hold", "change"]


class _Kind(NamedTuple):
    stage: Stage
    action: Action
    route: Route | Literal["any"]


_KINDS: Final = {
    "rate_limit_storm": _Kind("limit", "refuse", "any"),
    "error_before": _Kind("before", "answer", "create"),
    "error_after": _Kind("after", "answer", "create"),
    "drop_before": _Kind("before", "drop", "create"),
    "drop_after": _Kind("after", "drop", "create"),
    "stall": _Kind("after", "hold", "any"),
    "fail_match": _Kind("before", "answer", "create"),
    "odd_answer": _Kind("after", "answer", "create"),
    "headers": _Kind("headers", "change", "any"),
    "refuse_tokens": _Kind("authorize", "refuse", "any"),
    "token_throttle": _Kind("token", "answer", "token"),
    "expire_tokens": _Kind("now", "change", "any"),
    "neighbours": _Kind("now", "change", "any"),
}
# These last until they are cleared unless a count or a time is given; the others apply once.
_LASTING: Final = frozenset({"fail_match", "headers", "neighbours"})


class Fault(BaseModel):
    """
    One thing that goes wrong. ``before``: no ticket was created; ``after``: it was, and only the response is bad.

    :param kind: a key of the table above
    :param count: calls that it still applies to; by default one, or no limit for ``fail_match``, ``headers`` and
        with ``seconds``
    :param seconds: how long it lasts
    :param route: the calls that it applies to; by default those of its kind
    :param status: HTTP status of the response; below 400 for ``odd_answer`` only
    :param body: body of the response: Auth0's JSON, an HTML page as proxies send it, nothing, a huge one, one
        that is huge when unpacked, or one that sends a byte each ``delay``
    :param text: the body as it is, in place of ``body``
    :param headers: headers that replace the tenant's; ``None`` removes one
    :param message: the JSON body's message
    :param error_code: the JSON body's ``errorCode``
    :param delay: seconds that ``stall`` holds a response, or between two bytes of ``trickle``
    :param rate: requests a second that ``neighbours`` take
    :param connection_name: applies only to tickets for a connection of this name
    :param organization_id: applies only to tickets for this organization
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(json_schema_extra={"enum": [*_KINDS]})
    count: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    route: Route | Literal["any"] | None = None
    status: int = Field(default=500, ge=200, le=599)
    body: Literal["json", "html", "empty", "huge", "bomb", "trickle"] = "json"
    text: str | None = None
    headers: dict[str, str | list[str] | None] = Field(default_factory=dict)
    message: str | None = None
    error_code: str | None = None
    delay: float = Field(default=1.0, ge=0)
    rate: float = Field(default=1.0, gt=0)
    connection_name: str | None = None
    organization_id: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Fault:
        if self.kind not in _KINDS:
            raise ValueError(f"kind {self.kind!r} is unknown: choose one of {', '.join(_KINDS)}")
        if self.kind == "fail_match" and not (self.connection_name or self.organization_id):
            raise ValueError("fail_match needs a connection_name or an organization_id to match")
        if self.status < 400 and self.kind != "odd_answer":
            raise ValueError(f"status {self.status} is not an error: only odd_answer can have it")
        return self

    @property
    def action(self) -> Action:
        """What is done to the response."""
        return _KINDS[self.kind].action

    @property
    def stage(self) -> Stage:
        """At which point of a call it applies; ``now`` when it changes the tenant at once."""
        return _KINDS[self.kind].stage

    def applies_to(self, route: Route, name: str | None, organizations: Sequence[str]) -> bool:
        """Return whether it is meant for this call."""
        wanted = self.route or _KINDS[self.kind].route
        return (
            (wanted == route or (wanted == "any" and route != "token"))
            and self.connection_name in (None, name)
            and (self.organization_id is None or self.organization_id in organizations)
        )


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: float
    until: float


class Faults:
    """The faults that are armed, oldest first."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def arm(self, fault: Fault, now: float) -> None:
        """Arm a fault; its time runs from ``now`` (UNIX seconds)."""
        endless = fault.kind in _LASTING or fault.seconds is not None
        left = fault.count or (math.inf if endless else 1)
        until = math.inf if fault.seconds is None else now + fault.seconds
        self._armed.append(_Armed(fault, left, until))

    def due(
        self, stage: Stage, route: Route, now: float, name: str | None = None, organizations: Sequence[str] = ()
    ) -> Iterator[tuple[Fault, float]]:
        """Yield the faults that apply to a call, each with the UNIX time it ends at, and count them down."""
        self._armed = [armed for armed in self._armed if armed.left > 0 and now < armed.until]
        for armed in list(self._armed):
            if armed.fault.stage == stage and armed.fault.applies_to(route, name, organizations):
                armed.left -= 1
                yield armed.fault, armed.until

    def armed(self) -> list[Fault]:
        """Return the faults that are armed."""
        return [armed.fault for armed in self._armed if armed.left > 0]

    def clear(self) -> None:
        """Remove all faults that have not happened yet."""
        self._armed.clear()
