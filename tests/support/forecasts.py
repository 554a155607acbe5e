"""What a run will do, for tests of the steps around it."""

from __future__ import annotations

from typing import Any

from auth0_sso.models import Capacity, ExpectedCounts, Forecast

COUNTS = ExpectedCounts(prospects=4, create=2, reuse=1, replace=1, requests=4)


def forecast_of(**changes: Any) -> Forecast:
    """Return a forecast with these values, of a pool whose slots are not known."""
    values: dict[str, Any] = {
        "counts": COUNTS,
        "requests": {},
        "capacity": Capacity(0, 1.0),
        "tenant": "acme.example.com",
        "profile_id": "ssp_1",
        "has_default_clients": True,
        "revocations": (),
        "warnings": (),
        "ledger_is_empty": False,
    }
    return Forecast(**{**values, **changes})
