"""What customers have done with their links, and why somebody should look at them, in words."""

from __future__ import annotations

from auth0_sso.ledger.parts import Attention
from auth0_sso.ledger.records import Entry
from auth0_sso.models import Setup, SetupState

from include.reports.setups import SetupRow
from include.reports.wording import span_text, utc_text

EVENT_WORDS = {
    "ss_sso_ticket_generation": "The tenant logged that a link was made",
    "ss_sso_ticket_consumption": "A link was opened",
    "ss_sso_connection_creation": "The connection was created",
    "ss_sso_connection_update": "The connection was changed",
    "ss_sso_try_connection_start": "A test of the connection began",
    "ss_sso_try_connection_end": "The test of the connection ended",
    "ss_sso_add_domain": "A domain was added",
    "ss_sso_delete_pending_domain": "An unverified domain was removed",
    "ss_sso_delete_verified_domain": "A verified domain was removed",
    "ss_sso_domain_verification": "A domain's verification was asked for",
    "ss_sso_domain_verification_successful": "A domain was verified",
    "ss_sso_domain_verification_unsuccessful": "A domain could not be verified",
    "ss_sso_associate_verified_domain": "A verified domain was assigned to the connection",
    "ss_sso_enable_connection": "Single sign-on was enabled",
    "ss_sso_flow_end": "The page behind the link was left",
    "ss_sso_missing_configuration": "Something needed was not configured",
    "ss_sso_provisioning_attribute_update": "The provisioning's attributes were changed",
    "ss_sso_provisioning_token_creation": "A provisioning token was created",
    "ss_sso_provisioning_token_deletion": "A provisioning token was deleted",
}
"""Auth0's names of events, see its Tenant Log Catalog."""

FAILURE_WORDS = {
    "ss_sso_ticket_generation": "A link could not be made",
    "ss_sso_ticket_consumption": "A link could not be opened",
    "ss_sso_connection_creation": "The connection could not be created",
    "ss_sso_connection_update": "The connection could not be changed",
    "ss_sso_try_connection_start": "A test of the connection failed",
    "ss_sso_try_connection_end": "The test of the connection failed",
    "ss_sso_add_domain": "A domain could not be added",
    "ss_sso_domain_verification_successful": "A domain could not be verified",
    "ss_sso_associate_verified_domain": "A verified domain could not be assigned to the connection",
    "ss_sso_enable_connection": "Single sign-on could not be enabled",
}
"""What has happened if the log is a failure."""


def event_words(name: str, *, succeeded: bool = True) -> str:
    """Return an event's name in words; those of one that is not known here are Auth0's."""
    words = EVENT_WORDS.get(name) or name.removeprefix("ss_sso_").replace("_", " ").capitalize()
    return words if succeeded else FAILURE_WORDS.get(name, f"{words}: failed")


def setup_words(row: SetupRow) -> str:
    """Return how far a customer has come, such as "opened twice, last on 24 Nov 2026, 09:05 UTC; not enabled yet"."""
    words = [_opened(row), _reached(row)]
    return "; ".join(word for word in words if word) or "not known"


def attention_words(reason: Attention, entry: Entry, setup: Setup, now: float) -> str:
    """Return a reason to look at a customer, with what a person needs to know of it."""
    if reason == Attention.FAILED:
        return f"The last step has failed: {setup.last_failure}"
    if reason == Attention.DOMAIN:
        return f"It has waited for a domain for {span_text(now - (setup.waiting_since or now))}."
    if reason == Attention.EXPIRES:
        return f"The link expires in {span_text((entry.expires_at or now) - now)}, and was not opened."
    return "The link is used up, and the connection does not exist."


def _opened(row: SetupRow) -> str:
    if row.last_opened_at:
        when = utc_text(row.last_opened_at)
        return f"opened on {when}" if row.opened == 1 else f"opened {_times(row.opened)}, last on {when}"
    if row.opened:
        return "a mail scanner opened it" if row.opened == 1 else f"a mail scanner opened it {_times(row.opened)}"
    return "not opened" if row.setup == SetupState.NOT_OPENED else ""


def _reached(row: SetupRow) -> str:
    if row.setup == SetupState.ENABLED:
        return f"single sign-on is enabled{_since(row.enabled_at)}"
    if row.setup == SetupState.WAITING_FOR_DOMAIN:
        return f"domain not verified{_since(row.waiting_since)}"
    if row.setup == SetupState.CONNECTED:
        return f"connected{_since(row.connected_at)}, not enabled"
    return row.note


def _since(moment: str) -> str:
    return f" since {utc_text(moment)}" if moment else ""


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
