"""When links were mailed, in words, and whom a run would mail that starts now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DeliveryStatus, MailKind, MailOptions, iso
from auth0_sso.setups.selection import Selection, select_mail

from include.mail_tickets import FROM_VARIABLE, KINDS
from include.reports.wording import utc_text

MAX_SHOWN = 3
"""Most mails of a link that are told of, the latest ones."""

_RUN_KIND = "new"
_KIND_WORDS = {MailKind.INVITATION: "", MailKind.REPLACEMENT: "", MailKind.REMINDER: "reminder "}
_STATUS_WORDS = {
    DeliveryStatus.SENT: "mailed",
    DeliveryStatus.POSSIBLY_SENT: "possibly mailed",
    DeliveryStatus.REFUSED: "refused by the mail server",
    DeliveryStatus.FAILED: "not mailed",
}


@dataclass(frozen=True)
class MailOffer:
    """
    A run that would mail links of an organization, if it started now.

    :param resend: whether it mails what was mailed once more; else only what was not.
    :param addresses: whom it mails, one for each mail.
    """

    organization_id: str
    resend: bool
    addresses: Sequence[str]

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the run; it reminds nobody."""
        return {"organization_ids": [self.organization_id], "kind": _RUN_KIND, "resend": self.resend}


def is_mailing_on() -> bool:
    """Return whether the api-server's environment says from whom mails come, as that of the workers must."""
    return bool(os.environ.get(FROM_VARIABLE, "").strip())


def deliveries_of(ledger: Ledger, entries: Iterable[Entry]) -> dict[str, list[Delivery]]:
    """Return the mails to the prospects of some entries by their keys, the oldest first; those of none are left out."""
    found: dict[str, list[Delivery]] = {}
    for tenant, of_tenant in _by_tenant(entries).items():
        found |= DeliveryLog(ledger.database, tenant).of_prospects([entry.key for entry in of_tenant])
    return found


def of_link(entry: Entry, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return those of a prospect's mails that had the link of its entry."""
    return [one for one in deliveries if one.created_at == entry.created_at]


def mail_words(delivery: Delivery) -> str:
    """Return what became of a mail, such as "reminder possibly mailed on 24 Nov 2026, 09:05 UTC"."""
    moment = utc_text(iso(delivery.sent_at or delivery.begun_at))
    return f"{_KIND_WORDS[delivery.kind]}{_STATUS_WORDS[delivery.status]} on {moment}"


def mail_offers(ledger: Ledger, entries: Sequence[Entry]) -> dict[str, MailOffer]:
    """
    Return by the keys of entries which run would mail their links, decided as the run decides it.

    It mails what was not mailed, or everything once more if the entry's link was. An entry whose link no run would mail
    is left out.
    """
    all_entries = ledger.entries_of_organizations({entry.organization_id for entry in entries})
    first, again = (_mailed(ledger, all_entries, resend=resend) for resend in (False, True))
    return {entry.key: offer for entry in entries if (offer := _offer(entry, first) or _offer(entry, again))}


def next_mail(ledger: Ledger, entry: Entry) -> Selection:
    """Return which mail a run would send to the prospect of an entry, once more if it was sent, or why none would."""
    first, again = (_select(ledger, entry.tenant, [entry], resend=resend)[entry.key] for resend in (False, True))
    return first if first.kind is not None else again


@dataclass(frozen=True)
class _Run:
    """What a run of each organization would mail, by tenant and organization."""

    resend: bool
    mailed: Mapping[tuple[str, str], Sequence[Entry]]


def _mailed(ledger: Ledger, entries: Sequence[Entry], *, resend: bool) -> _Run:
    mailed: dict[tuple[str, str], list[Entry]] = {}
    for tenant, of_tenant in _by_tenant(entries).items():
        selected = _select(ledger, tenant, of_tenant, resend=resend)
        for entry in of_tenant:
            if selected[entry.key].kind is not None:
                mailed.setdefault((tenant, entry.organization_id), []).append(entry)
    return _Run(resend, mailed)


def _select(ledger: Ledger, tenant: str, entries: Sequence[Entry], *, resend: bool) -> dict[str, Selection]:
    """Return what a run that is about these entries of a tenant would mail to each, by key."""
    followed = SetupLog(ledger.database, tenant).followed({entry.connection_name for entry in entries})
    deliveries = deliveries_of(ledger, entries)
    options = MailOptions(kinds=KINDS[_RUN_KIND], created_after=None, resend=resend)
    now = ledger.now()
    selected = {
        entry.key: select_mail(entry, followed[entry.connection_name], deliveries.get(entry.key, ()), options, now)
        for entry in entries
    }
    return {key: selection for key, selection in selected.items() if selection is not None}


def _offer(entry: Entry, run: _Run) -> MailOffer | None:
    mailed = run.mailed.get((entry.tenant, entry.organization_id), ())
    if entry.key not in {one.key for one in mailed}:
        return None
    return MailOffer(entry.organization_id, run.resend, [one.prospect_email for one in mailed])


def _by_tenant(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    by_tenant: dict[str, list[Entry]] = {}
    for entry in entries:
        by_tenant.setdefault(entry.tenant, []).append(entry)
    return by_tenant
