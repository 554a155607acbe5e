"""Prospects with links in a ledger, and runs that mail them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Any

from auth0_sso.hooks.mail import MailSession, send_with_budget
from auth0_sso.ledger.delivery_log import Delivery
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DeliveryStatus, MailKind, MailOptions, MailOutcome, MailPlan, PlannedMail, SsoTicket
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from auth0_sso.setups.mailing import Mailer, MailLedger, mail_outcomes, plan_mails, send_mails

from include.mail_tickets import MailSettings, composer, linker
from tests.support import factories

SMTP_VARIABLE = "AIRFLOW_CONN_SMTP_DEFAULT"
TENANT = factories.SPEC.tenant
SETTINGS = MailSettings("Acme onboarding <sso@vendor.example>")
OPTIONS = MailOptions(kinds=tuple(MailKind), created_after=0.0)
# A mail that fails is tried once.
ONE_ATTEMPT = replace(DEFAULT_TIMEOUTS, connect=1.0, mail_acceptance=2.0, mail_quit=0.5, mail_budget=0.0)
AS_FAST_AS_IT_GETS = 6_000_000.0


def smtp_connection(port: int) -> str:
    """Return the connection ``smtp_default`` to a mail server without TLS and login."""
    extra = {"disable_ssl": True, "disable_tls": True, "timeout": 2}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra})


def attempt(number: int) -> RunAttempt:
    """Return the attempt of a run of that number."""
    return RunAttempt(f"mail_sso_tickets/run-{number}", run_after=1_800_000_000.0 + number)


def address(name: str) -> str:
    return f"{name}@customer.example"


def add_prospects(ledger: Ledger, *names: str, **changes: Any) -> list[Entry]:
    """Let a link for each prospect have been made an hour ago."""
    now = ledger.now()
    entries = []
    for name in names:
        ticket = SsoTicket(f"https://{TENANT}/self-service/connections-flow?ticket={name:x<32}")
        values = {
            "key": name,
            "organization_id": f"org_{name}",
            "connection_name": name,
            "prospect_email": address(name),
            "ticket": ticket,
            "created_at": now - 3600,
            "expires_at": now + 4 * 86_400,
            "duplicate_until": 0.0,
            **changes,
        }
        entries.append(ledger._insert(factories.entry(**values)))
    return entries


@dataclass
class Mailing:
    """
    A run that mails the links of a ledger, in the tests' process.

    :param pause: is called before each mail leaves.
    :param before_mail: is called with the address right before a mail is handed over.
    :param in_text: is called right before a mail's text begins to leave.
    :param in_backoff: is called when an attempt has not sent a mail.
    """

    ledger: Ledger
    number: int = 1
    options: MailOptions = OPTIONS
    settings: MailSettings = SETTINGS
    pause: Callable[[], None] = lambda: None
    before_mail: Callable[[str], None] = lambda _to: None
    in_text: Callable[[str], None] = lambda _to: None
    in_backoff: Callable[[str], None] = lambda _to: None
    planned: Sequence[PlannedMail] = field(default_factory=list)

    def plan(self) -> Mailing:
        """Decide who gets a mail."""
        self.planned = plan_mails(TENANT, self.options).mails
        return self

    def send(self) -> None:
        """Send what was planned, as a task does each time it is tried."""
        with MailSession(timeouts=ONE_ATTEMPT) as session:
            Mailer(
                MailLedger(self.ledger, TENANT),
                attempt(self.number),
                self.options,
                deliver=lambda message, to, set_left: self._deliver(session, message, to, set_left),
                compose=composer(self.settings),
                message_id=lambda ticket_id, kind, reminder: f"<{kind}.{reminder}.{ticket_id}@vendor.example>",
                link=linker(self.settings),
                pause=self.pause,
            ).send(self.planned)

    def _deliver(self, session: MailSession, message: EmailMessage, to: str, set_left: Callable[[bool], None]) -> Any:
        def note(has_left: bool) -> None:
            set_left(has_left)
            (self.in_text if has_left else self.in_backoff)(to)

        self.before_mail(to)
        return send_with_budget(session, message, to, self.settings.address, set_left=note, timeouts=ONE_ATTEMPT)

    def outcomes(self) -> dict[str, MailOutcome]:
        """Return the rows of the run's report by connection."""
        rows, _ = mail_outcomes(self.mail_plan, attempt(self.number))
        return {row.connection_name: row for row in rows}

    @property
    def mail_plan(self) -> MailPlan:
        """What was planned."""
        return MailPlan(tenant=TENANT, ledger_id="", options=self.options, mails=self.planned)

    def statuses(self) -> dict[str, str]:
        return {name: str(row.status) for name, row in self.outcomes().items()}


def kept(ledger: Ledger, *names: str) -> dict[str, list[Delivery]]:
    """Return the mails that the ledger knows, by prospect."""
    return MailLedger(ledger, TENANT).deliveries.of_prospects(names)


def kept_statuses(ledger: Ledger, *names: str) -> dict[str, list[DeliveryStatus]]:
    return {name: [one.status for one in mails] for name, mails in kept(ledger, *names).items()}


def mail_all(number: int, options: MailOptions, mails_per_minute: float = AS_FAST_AS_IT_GETS) -> None:
    """Plan and send as the tasks of a run do, with the ledger and the mail server of the environment."""
    send_planned(number, plan_mails(TENANT, options), mails_per_minute)


def send_planned(number: int, plan: MailPlan, mails_per_minute: float = AS_FAST_AS_IT_GETS) -> None:
    """Send what was planned as the task of a run does, with the ledger and the mail server of the environment."""
    send_mails(
        plan,
        attempt(number),
        sender=SETTINGS.address,
        compose=composer(SETTINGS),
        link=linker(SETTINGS),
        mails_per_minute=mails_per_minute,
    )
