"""What the tasks of a run do that mails links: select who gets one, send them one by one, tell what became of each."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from email.message import EmailMessage
from itertools import zip_longest

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from auth0_sso.airflow_internals import task_log
from auth0_sso.exceptions import MailSettingsError, MailTransientError
from auth0_sso.hooks.mail import Delivery as Delivered
from auth0_sso.hooks.mail import MailSession, mail_rate_limiter, send_with_budget
from auth0_sso.ledger.database import is_away
from auth0_sso.ledger.delivery_log import Delivery, DeliveryExistsError, DeliveryLog
from auth0_sso.ledger.message_id import message_id
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.setup_log import NOT_FOLLOWED, Followed, SetupLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import (
    DeliveryStatus,
    LinkMail,
    MailKind,
    MailOptions,
    MailOutcome,
    MailPlan,
    PlannedMail,
    RecipientError,
    iso,
    listed,
)
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.setups.selection import link_mail, select_mail

Compose = Callable[[LinkMail, str], EmailMessage]
"""Makes the message of a mail, with that Message-ID; RecipientError if its address can't be used."""

Deliver = Callable[[EmailMessage, str, Callable[[bool], None]], Delivered]
"""
Hands a message over to the mail server, for that address, and returns what became of it.

It calls the function with True right before the text begins to leave, and with False once it is certain that it was not
sent. MailSettingsError: nothing was sent.
"""

_RECENT_SECONDS = 86_400.0
# So many mails that fail, each tried for minutes, or are refused: then the server is at fault, not the mails.
_MAX_IN_A_ROW = 3

_NOT_SENT = "It was not tried: send_mails ended before it, or nobody approved the mails. The next run decides again."
_NOT_HANDED_OVER = "It was not sent: the task was ended before the mail's text began to leave."
_REPLACED = "its link was replaced meanwhile: the next run mails the new one"
_BY_ANOTHER_RUN = "another run has mailed it meanwhile"
_BAD_ADDRESS = "No mail can be sent to the address of this prospect: give it like name@example.com, in ASCII letters."
_ENDED = "The task was ended while it handed the mail over, so it is not known whether it was sent."


class UnknownOrganizationError(ValueError):
    """A run is to mail the links of an organization that has none."""


@dataclass(frozen=True)
class MailLedger:
    """What the ledger knows of the prospects of a tenant, their setups and their mails."""

    ledger: Ledger
    tenant: str

    def entries(self, keys: Collection[str] | None = None) -> list[Entry]:
        """Return the entries of some prospects, or of all."""
        if keys is None:
            return self.ledger.entries_of_tenant(self.tenant)
        return [entry for entry in self.ledger.entries(keys).values() if entry.tenant == self.tenant]

    def followed(self, entries: Iterable[Entry]) -> dict[str, Followed]:
        """Return what is known of their connections, by name."""
        return SetupLog(self.ledger.database, self.tenant).followed({entry.connection_name for entry in entries})

    @property
    def has_logs(self) -> bool:
        """Whether the tenant's logs were read lately, so that it is known what was not opened."""
        read = SetupLog(self.ledger.database, self.tenant).read()
        return read is not None and self.ledger.now() - read.read_until < _RECENT_SECONDS

    @property
    def deliveries(self) -> DeliveryLog:
        """The mails with links of the tenant."""
        return DeliveryLog(self.ledger.database, self.tenant)


def mailed_since(tenant: str, runs: Sequence[str], installation: str) -> float | None:
    """
    Return from when on links are mailed by themselves, UNIX seconds; None if that was never said.

    Earlier links may have been mailed by hand. So the first run with requests whose report starts a mailing says it:
    from its first request on.

    :param runs: those whose reports have started this mailing, ``dag_id/run_id``; of several, the last one counts.
    :param installation: this Airflow's name; another one may have a run of the same id.
    """
    with closing(open_ledger()) as ledger:
        log = DeliveryLog(ledger.database, tenant)
        since = log.since()
        for run in reversed(runs) if since is None else ():
            entries = [entry for entry in ledger.entries_of_run(run) if entry.tenant == tenant]
            requested = [entry.requested_at for entry in entries if entry.installation == installation]
            if requested:
                return log.keep_since(min(requested))
    return since


def plan_mails(tenant: str, options: MailOptions, *, is_dry_run: bool = False) -> MailPlan:
    """
    Decide from the ledger who gets a mail, and why the others that the run is about get none.

    :raises UnknownOrganizationError: if the run is to be about an organization without prospects.
    """
    with closing(open_ledger()) as ledger:
        known = MailLedger(ledger, tenant)
        entries = known.entries()
        unknown = sorted({*options.organization_ids} - {entry.organization_id for entry in entries})
        if unknown:
            raise UnknownOrganizationError(
                f"The ledger has no prospect of {listed(unknown, 5)} in the tenant {tenant}. Correct organization_ids, "
                "or create their links first."
            )
        return MailPlan(
            tenant=tenant,
            ledger_id=ledger.database.identity,
            options=options,
            mails=list(_planned(known, entries, options)),
            has_logs=known.has_logs,
            is_dry_run=is_dry_run,
        )


def _planned(known: MailLedger, entries: Sequence[Entry], options: MailOptions) -> Iterator[PlannedMail]:
    followed = known.followed(entries)
    deliveries = known.deliveries.of_prospects([entry.key for entry in entries])
    has_logs = known.has_logs
    now = known.ledger.now()
    for entry in entries:
        connection = followed.get(entry.connection_name, NOT_FOLLOWED)
        selected = select_mail(entry, connection, deliveries.get(entry.key, ()), options, now, has_logs=has_logs)
        if selected is not None:
            yield PlannedMail(
                key=entry.key,
                created_at=entry.created_at or 0.0,
                kind=selected.kind,
                number=selected.number,
                reason=selected.reason,
            )


class Mailer:
    """
    Send the planned mails of a run, one after the other.

    Each is decided on again right before it leaves, since a plan may be hours old: what was mailed meanwhile, opened,
    revoked or replaced gets none. Before it leaves, the ledger has it as possibly sent.

    :param options: those that the plan was made with.
    :param deliver: see :data:`Deliver`; so with ``compose``.
    :param message_id: returns the Message-ID for a ticket's id, a kind of mail and which reminder of the ticket it is.
    :param link: returns what a mail links to, for a ticket's URL.
    :param pause: waits until the next mail may leave.
    """

    def __init__(
        self,
        known: MailLedger,
        attempt: RunAttempt,
        options: MailOptions,
        *,
        deliver: Deliver,
        compose: Compose,
        message_id: Callable[[str, MailKind, int], str],
        link: Callable[[str], str],
        pause: Callable[[], None],
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self._known = known
        self._attempt = attempt
        self._options = options
        self._deliver = deliver
        self._compose = compose
        self._message_id = message_id
        self._link = link
        self._pause = pause
        self._timeouts = timeouts
        self._failed_in_a_row: list[Delivered] = []
        self._unclear: list[tuple[Delivery, Delivered]] = []

    def send(self, planned: Sequence[PlannedMail]) -> None:
        """
        Send those of the planned mails that are still wanted; what became of each is in the ledger.

        :raises MailSettingsError: if no mail can be sent until the settings are fixed.
        :raises MailTransientError: if the mail server takes no mail now.
        """
        for mail in self._in_order([mail for mail in planned if mail.kind is not None]):
            if self._wanted(mail) is None:
                continue
            self._pause()
            # The pause is long enough for the link to be opened, revoked or replaced.
            if (wanted := self._wanted(mail)) is not None:
                self._hand_over(*wanted)

    def _in_order(self, mails: Sequence[PlannedMail]) -> Iterator[PlannedMail]:
        """
        Yield mails that have failed before and others by turns, those that have failed least often first.

        So the former never keep the others from being tried, and whether the server takes those tells who is at fault.
        """
        deliveries = self._known.deliveries.of_prospects([mail.key for mail in mails])
        failures = Counter(
            (one.key, one.created_at)
            for of_prospect in deliveries.values()
            for one in of_prospect
            if one.status == DeliveryStatus.FAILED
        )
        others = [mail for mail in mails if failures[mail.key, mail.created_at] == 0]
        failed = [mail for mail in mails if failures[mail.key, mail.created_at] > 0]
        failed.sort(key=lambda mail: failures[mail.key, mail.created_at])
        for turn in zip_longest(failed, others):
            yield from (mail for mail in turn if mail is not None)

    def _wanted(self, mail: PlannedMail) -> tuple[Entry, PlannedMail] | None:
        """Return a planned mail as it is to be sent now; None if it is not, or if this run has sent it."""
        entries = self._known.entries([mail.key])
        wanted = next(_planned(self._known, entries, self._options), None)
        is_same = wanted is not None and (wanted.kind, wanted.created_at) == (mail.kind, mail.created_at)
        if wanted is None or not is_same or self._is_done(mail):
            task_log.info("A planned mail is not wanted any more, or was sent", prospect=mail.key)
            return None
        return entries[0], wanted

    def _is_done(self, mail: PlannedMail) -> bool:
        """Whether this run has sent the mail, or may have, or it was refused, as when its task is tried again."""
        delivery = _sent_by(self._known.deliveries.of_prospects([mail.key]), mail, self._attempt)
        return delivery is not None and delivery.status != DeliveryStatus.FAILED

    def _hand_over(self, entry: Entry, mail: PlannedMail) -> None:
        if entry.ticket is None or mail.kind is None:
            return
        reminder = mail.number if mail.kind == MailKind.REMINDER else 1
        message_id = self._message_id(entry.ticket.ticket_id, mail.kind, reminder)
        message = self._message(link_mail(entry, mail.kind, self._link(entry.ticket.url)), message_id)
        delivery = Delivery(
            key=mail.key,
            created_at=mail.created_at,
            kind=mail.kind,
            number=mail.number,
            status=DeliveryStatus.POSSIBLY_SENT,
            begun_at=self._known.ledger.now(),
            message_id=message_id,
            run=self._attempt.run,
            installation=self._attempt.installation,
            error=_ENDED,
        )
        try:
            self._known.deliveries.begin(delivery)
        except DeliveryExistsError:
            task_log.info("Another task sends this mail", prospect=mail.key)
            return
        if message is None:
            self._finish(delivery, Delivered(DeliveryStatus.REFUSED, _BAD_ADDRESS))
            return
        done = self._deliver_begun(delivery, message, entry.prospect_email)
        self._settle(delivery, done)
        self._require_working_server(done)

    def _message(self, mail: LinkMail, message_id: str) -> EmailMessage | None:
        """Return the message, before anything is begun, so that a wrong setting leaves no trace; None: bad address."""
        try:
            return self._compose(mail, message_id)
        except RecipientError:  # its text has the address
            return None

    def _deliver_begun(self, delivery: Delivery, message: EmailMessage, to: str) -> Delivered:
        """Hand a message over. If the task ends before it leaves, that is kept too, as far as there is time."""
        text = _Text()
        try:
            return self._deliver(message, to, text.set_left)
        except MailSettingsError as error:
            self._finish(delivery, Delivered(DeliveryStatus.FAILED, str(error)))
            raise
        except BaseException:
            if not text.has_left:
                self._finish(delivery, Delivered(DeliveryStatus.FAILED, _NOT_HANDED_OVER))
            raise

    def _settle(self, delivery: Delivery, done: Delivered) -> None:
        """
        Record what became of a mail.

        A refusal that may concern every mail has failed, to be tried again, until the server takes another mail after
        it: then it is the recipient's.
        """
        if done.is_unclear:
            self._unclear.append((delivery, done))
            done = replace(done, status=DeliveryStatus.FAILED)
        self._finish(delivery, done)
        if done.status == DeliveryStatus.SENT:
            for refused, why in self._unclear:
                self._finish(refused, why)
            self._unclear.clear()

    def _finish(self, delivery: Delivery, done: Delivered) -> None:
        """Record what became of a mail; if the ledger is away, try for a while: it would be lost."""
        sent_at = self._known.ledger.now() if done.status == DeliveryStatus.SENT else None
        retrying = Retrying(
            retry=retry_if_exception(is_away),
            stop=stop_after_delay(self._timeouts.ledger),
            wait=wait_fixed(self._timeouts.poll_interval),
            reraise=True,
        )
        finished = replace(delivery, status=done.status, error=done.error, sent_at=sent_at)
        retrying(self._known.deliveries.finish, finished)

    def _require_working_server(self, done: Delivered) -> None:
        """Stop if it is not the mails that are at fault, but the mail server or its settings."""
        if done.status != DeliveryStatus.FAILED and not done.is_unclear:
            self._failed_in_a_row.clear()
            return
        self._failed_in_a_row.append(done)
        if len(self._failed_in_a_row) < _MAX_IN_A_ROW:
            return
        message = f"The mail server has taken none of {len(self._failed_in_a_row)} mails in a row"
        if all(one.is_unclear for one in self._failed_in_a_row):
            raise MailSettingsError(
                f"{message}, so it may refuse every mail. {done.error}",
                advice="Find out why. Their prospects are mailed by the next run.",
            )
        raise MailTransientError(
            f"{message}, so no more is tried now. {done.error}",
            advice="Those that are left are sent when this task is tried again, or by the next run.",
        )


class _Text:
    """Whether a mail's text may have left."""

    def __init__(self) -> None:
        self.has_left = False

    def set_left(self, has_left: bool) -> None:
        self.has_left = has_left


def send_mails(
    plan: MailPlan,
    attempt: RunAttempt,
    *,
    sender: str,
    compose: Compose,
    link: Callable[[str], str],
    mails_per_minute: float,
) -> None:
    """
    Send the planned mails of a run through Airflow's connection ``smtp_default``, see :class:`Mailer`.

    :param sender: ``name@domain``, the domain in its DNS form.
    :raises MailSettingsError: if no mail can be sent until the settings are fixed.
    :raises LedgerError: if the plan was made with another ledger.
    """
    rate_limiter = mail_rate_limiter(mails_per_minute)
    supervisor = os.getppid()

    def pause() -> None:
        asyncio.run(rate_limiter.acquire())
        if os.getppid() != supervisor:  # Airflow starts the task again while this process still sends
            raise MailTransientError("The process that supervises the task is gone, so this one mails nobody else.")

    domain = sender.rpartition("@")[2]
    with closing(open_ledger()) as ledger, MailSession(ehlo_name=domain) as session:
        ledger.database.require_identity(plan.ledger_id)
        cipher = ledger.database.cipher
        mailer = Mailer(
            MailLedger(ledger, plan.tenant),
            attempt,
            plan.options,
            deliver=lambda message, to, set_left: send_with_budget(session, message, to, sender, set_left=set_left),
            compose=compose,
            message_id=lambda ticket_id, kind, reminder: message_id(cipher, ticket_id, kind, domain, reminder=reminder),
            link=link,
            pause=pause,
        )
        mailer.send(plan.mails)


def mail_outcomes(plan: MailPlan, attempt: RunAttempt) -> tuple[list[MailOutcome], list[MailOutcome]]:
    """
    Return what became of the planned mails of a run, from the ledger, and why the others got none.

    :return: all of them, and those that change if the process of the task that mails is still there.
    :raises LedgerError: if the plan was made with another ledger.
    """
    keys = [mail.key for mail in plan.mails]
    with closing(open_ledger()) as ledger:
        ledger.database.require_identity(plan.ledger_id)
        known = MailLedger(ledger, plan.tenant)
        entries = {entry.key: entry for entry in known.entries(keys)}
        deliveries = known.deliveries.of_prospects(keys)
        wanted_now = {mail.key: mail for mail in _planned(known, list(entries.values()), plan.options)}
    outcomes = [
        _outcome(
            entries[mail.key], mail, wanted_now.get(mail.key), _sent_by(deliveries, mail, attempt), plan.is_dry_run
        )
        for mail in plan.mails
        if mail.key in entries
    ]
    return outcomes, [outcome for outcome in outcomes if outcome.error in (_NOT_SENT, _ENDED)]


def _sent_by(deliveries: Mapping[str, Sequence[Delivery]], mail: PlannedMail, attempt: RunAttempt) -> Delivery | None:
    """
    Return the last attempt of a run to send a planned mail.

    If the run was cleared as a whole, it plans none for a link that it has mailed before: that mail is the one.
    """
    of_run = (mail.created_at, attempt.run, attempt.installation)
    found = [
        one
        for one in deliveries.get(mail.key, ())
        if (one.created_at, one.run, one.installation) == of_run
        and (one.kind == mail.kind or (mail.kind is None and one.status != DeliveryStatus.FAILED))
    ]
    return found[-1] if found else None


def _why_not_wanted(mail: PlannedMail, wanted_now: PlannedMail | None) -> str:
    """Return why a mail that was planned is not wanted any more; empty if it is."""
    if wanted_now is None or wanted_now.created_at != mail.created_at:
        return _REPLACED
    if wanted_now.kind is not None and wanted_now.kind != mail.kind:
        return _BY_ANOTHER_RUN
    return wanted_now.reason


def _outcome(
    entry: Entry, mail: PlannedMail, wanted_now: PlannedMail | None, delivery: Delivery | None, is_dry_run: bool
) -> MailOutcome:
    status: DeliveryStatus
    if delivery is not None and delivery.status != DeliveryStatus.FAILED:
        status, error = delivery.status, delivery.error
    elif mail.kind is None:
        status, error = DeliveryStatus.SKIPPED, mail.reason
    elif is_dry_run:
        status, error = DeliveryStatus.PLANNED, ""
    elif reason := _why_not_wanted(mail, wanted_now):
        failure = f"; before, it failed: {delivery.error}" if delivery else ""
        status, error = DeliveryStatus.SKIPPED, reason + failure
    else:
        status, error = DeliveryStatus.FAILED, delivery.error if delivery else _NOT_SENT
    return MailOutcome(
        organization_id=entry.organization_id,
        organization_name=entry.organization_name,
        prospect_name=entry.prospect_name,
        prospect_email=entry.prospect_email,
        connection_name=entry.connection_name,
        kind=str(delivery.kind if delivery else mail.kind or ""),
        status=status,
        sent_at=iso(delivery.sent_at if delivery else None),
        message_id=delivery.message_id if delivery else "",
        error=error,
    )
