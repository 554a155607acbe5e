"""What the templates can show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from auth0_sso.models import MAX_OPENINGS, OPEN_SECONDS, LinkMail, iso

from include.mail.errors import ExpiredLinkError
from include.mail.names import safe_name

_HOUR, _DAY = 3_600, 86_400


def values_of(mail: LinkMail, now: float) -> dict[str, Any]:
    """
    Return the variables of the templates by name; a name that may not be shown is empty.

    :param now: when the mail is made, UNIX seconds, from which the remaining life counts.
    :raises ExpiredLinkError: if the link has expired.
    """
    seconds = int(mail.expires_at - now)
    if seconds <= 0:
        raise ExpiredLinkError(f"The link expired at {iso(mail.expires_at)}, so it is not mailed.")
    return {
        "kind": mail.kind.value,
        "prospect_name": safe_name(mail.prospect_name),
        "organization_name": safe_name(mail.organization_name),
        "link": mail.link,
        "expires": datetime.fromtimestamp(mail.expires_at, UTC),
        "days_left": seconds // _DAY,
        "hours_left": seconds % _DAY // _HOUR,
        "minutes_left": seconds % _HOUR // 60,
        "max_openings": MAX_OPENINGS,
        "open_hours": int(OPEN_SECONDS // _HOUR),
    }
