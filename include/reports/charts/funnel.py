"""Chart: how far the customers have come, as one bar a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth0_sso.models import SetupState

from include.reports.wording import span_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auth0_sso.models import Funnel


@dataclass(frozen=True)
class FunnelStep:
    """
    A step of the funnel, in words that tell all that the bar shows.

    :param share: of the prospects that have had a link, in per cent, such as ``78%``.
    :param notes: what stands beside it, such as the median time to get there.
    :param segments: the bar's parts: the state that has its colour, and its width in per cent of the whole.
    """

    label: str
    count: int
    share: str
    notes: Sequence[str]
    segments: Sequence[tuple[str, float]]


def funnel_steps(funnel: Funnel) -> list[FunnelStep]:
    """Return the steps from the link to the enabled connection; none if nobody has had a link."""
    if not funnel.links:
        return []

    def step(label: str, count: int, notes: Sequence[str], **counts: int) -> FunnelStep:
        segments = [(state, 100 * part / funnel.links) for state, part in counts.items() if part]
        return FunnelStep(label, count, f"{count / funnel.links:.0%}", [note for note in notes if note], segments)

    waiting = f"{funnel.waiting:,} of them waiting for a domain" if funnel.waiting else ""
    connected = {
        SetupState.CONNECTED.value: funnel.connected - funnel.waiting,
        SetupState.WAITING_FOR_DOMAIN.value: funnel.waiting,
    }
    return [
        step("Have had a link", funnel.links, [], not_opened=funnel.links),
        step("Opened", funnel.opened, [_median(funnel.seconds_to_open, "open")], opened=funnel.opened),
        step("Connected", funnel.connected, [waiting, _median(funnel.seconds_to_connect, "connect")], **connected),
        step("Enabled", funnel.enabled, [_median(funnel.seconds_to_enable, "enable")], enabled=funnel.enabled),
    ]


def _median(seconds: float | None, verb: str) -> str:
    return "" if seconds is None else f"median: {span_text(seconds)} to {verb}"
