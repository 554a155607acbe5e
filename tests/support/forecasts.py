"""What a run will do, as the provider foresees it, for tests of the steps around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COUNTS = {"prospects": 4, "create": 2, "reuse": 1, "replace": 1, "requests": 4, "seconds": None}


@dataclass(frozen=True)
class FixedForecast:
    """What each test says."""

    requests: Mapping[str, int] = field(default_factory=dict)
    tenant: str = "acme.example.com"
    profile_id: str = "ssp_1"
    has_default_clients: bool = True
    revocations: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def summary(self, _tasks: int) -> dict[str, Any]:
        return COUNTS
