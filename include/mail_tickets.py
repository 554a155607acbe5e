"""The steps of a run that mails links, as plain functions: selection → mails → report."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auth0_sso.models import (
    DeliveryStatus,
    LinkMail,
    MailKind,
    MailOptions,
    MailOutcome,
    MailPlan,
    PlannedMail,
    first_errors,
)

from include import reports
from include.check_outcome import Exported
from include.files import PLAN_FOLDER, json_bytes, make_private, read_checked, write_checked
from include.mail import check_templates, compose, link_of, mailbox

if TYPE_CHECKING:
    from include.files import AnyPath
    from include.folders import Run

FROM_VARIABLE = "SSO_TICKETS_MAIL_FROM"
_REPLY_TO_VARIABLE = "SSO_TICKETS_MAIL_REPLY_TO"
_TEMPLATES_VARIABLE = "SSO_TICKETS_MAIL_TEMPLATES"
_PAGE_VARIABLE = "SSO_TICKETS_LINK_PAGE"
_PLAN = "mails.json"
_SAMPLE_TICKET = "https://tenant.example/self-service/connections-flow?ticket=" + "x" * 32
_RECENT = timedelta(hours=36)  # a daily report and the one before
_NO_REMINDERS = (
    "Nobody is reminded: it is not known which links were not opened. follow_sso_setups finds out, with the scope "
    "read:logs."
)

KINDS: Mapping[str, Collection[MailKind]] = {
    "all": tuple(MailKind),
    "new": (MailKind.INVITATION, MailKind.REPLACEMENT),
    "reminder": (MailKind.REMINDER,),
}
"""The kinds of mails that a run sends, by its parameter ``kind``."""

log = logging.getLogger(__name__)


class MailingError(ValueError):
    """The run must not mail anybody as it was started."""


@dataclass(frozen=True)
class MailSettings:
    """
    How this Airflow mails links.

    :param sender: ``Name <address>``; so with ``reply_to``, which may be empty.
    :param templates: a folder with templates of one's own; empty: those of this project.
    :param link_page: the address of a page that leads to the link; empty: the mail has the link itself.
    """

    sender: str
    reply_to: str = ""
    templates: str = ""
    link_page: str = ""

    @property
    def address(self) -> str:
        """The sender's ``name@domain``, its domain in DNS form; MailSettingError if there is none."""
        return mailbox(self.sender, FROM_VARIABLE).addr_spec

    @property
    def template_folder(self) -> Path | None:
        """The folder of one's own templates; None if there is none."""
        return Path(self.templates) if self.templates else None


def read_settings() -> MailSettings:
    """Return the settings in the environment; MailingError if nobody has said from whom mails come."""
    values = [
        os.environ.get(name, "").strip()
        for name in (FROM_VARIABLE, _REPLY_TO_VARIABLE, _TEMPLATES_VARIABLE, _PAGE_VARIABLE)
    ]
    if not values[0]:
        raise MailingError(
            f"Mailing is off: set {FROM_VARIABLE} to the sender of the mails, such as 'Acme <sso@acme.example>', for "
            "Airflow's DAG processor, scheduler and workers."
        )
    return MailSettings(*values)


def check_before_mailing(params: Mapping[str, Any]) -> None:
    """
    Check what would make every mail of a run fail: the settings, the templates and the parameters.

    :raises MailingError: if nobody has said from whom mails come, or ``resend`` does not go with the other parameters.
    :raises MailSettingError: if a setting is wrong; MailTemplateError if a template is.
    """
    settings = read_settings()
    mailbox(settings.sender, FROM_VARIABLE)
    if settings.reply_to:
        mailbox(settings.reply_to, _REPLY_TO_VARIABLE)
    linker(settings)(_SAMPLE_TICKET)
    check_templates(settings.template_folder)
    if params["resend"] and not _ids(params):
        raise MailingError("resend mails links again, so it needs organization_ids. Trigger another run.")
    if params["resend"] and params["kind"] == "reminder":
        raise MailingError("resend mails no reminders, so it needs another kind. Trigger another run.")


def options(params: Mapping[str, Any], since: float | None) -> MailOptions:
    """
    Return whom a run mails.

    :param params: the run's.
    :param since: from when on links are mailed by themselves, UNIX seconds; None if that was never said.
    :raises MailingError: if nothing says which links may have been mailed by hand before.
    """
    return MailOptions(
        kinds=KINDS[params["kind"]],
        created_after=_created_after(params["created_after"], _ids(params), since),
        organization_ids=_ids(params),
        remind_after_days=params["remind_after_days"],
        most_reminders=params["most_reminders"],
        resend=params["resend"],
    )


def triggering_reports(asset_events: Mapping[Any, Sequence[Any]]) -> list[str]:
    """
    Return the runs whose reports have started this one, as ``dag_id/run_id``, oldest first; not those of dry runs.

    Airflow also gives a first run all the reports that came while the DAG was paused, when links may have been mailed
    by hand. So one that came more than 36 hours before the newest counts no more.

    :param asset_events: Airflow's ``triggering_asset_events``.
    """
    events = sorted(chain.from_iterable(asset_events.values()), key=lambda event: event.timestamp)
    recent = [event for event in events if events[-1].timestamp - event.timestamp <= _RECENT]
    return [f"{event.source_dag_id}/{event.source_run_id}" for event in recent if not event.extra.get("dry_run")]


def is_started_by_dry_runs(asset_events: Mapping[Any, Sequence[Any]]) -> bool:
    """Whether reports have started this run, and all of them are those of dry runs."""
    is_dry = [bool(event.extra.get("dry_run")) for event in chain.from_iterable(asset_events.values())]
    return bool(is_dry) and all(is_dry)


def _ids(params: Mapping[str, Any]) -> list[str]:
    return [one.strip() for one in params["organization_ids"] or [] if one.strip()]


def _created_after(given: str | None, organization_ids: Collection[str], since: float | None) -> float | None:
    if given:
        return _moment(given).timestamp()
    if organization_ids:
        return None
    if since is not None:
        return since
    raise MailingError(
        "Nothing was mailed by itself yet, and links may have been mailed by hand. Say created_after, the time from "
        "which links are mailed, or organization_ids, and trigger another run."
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise MailingError(f"created_after is {text!r}, which is no time: give it like 2026-11-30T08:00:00Z.") from None


def count_mails(plan: MailPlan) -> dict[str, int]:
    """Return how many mails of each kind a run is to send, and as ``none`` how many prospects get none."""
    counts = Counter("none" if mail.kind is None else str(mail.kind) for mail in plan.mails)
    numbers = {name: counts[name] for name in (*map(str, MailKind), "none")}
    log.info("The mails: %s", ", ".join(f"{name} {count}" for name, count in numbers.items()))
    return numbers


def write_plan(plan: MailPlan, folder: AnyPath) -> dict[str, str]:
    """
    Keep in the run's folder what the run is to send.

    :return: as ``batch`` and ``sha256`` the path and the digest of the file.
    """
    plan_folder = folder / PLAN_FOLDER
    make_private(folder)
    make_private(plan_folder)
    sha256 = write_checked(plan_folder, _PLAN, json_bytes(plan))
    return {"batch": str(plan_folder / _PLAN), "sha256": sha256}


def read_plan(folder: AnyPath, reference: Mapping[str, str]) -> MailPlan:
    """
    Return what :func:`write_plan` kept in the run's folder.

    :param reference: what it returned.
    :raises ChangedFileError: if somebody has changed it since.
    """
    found = json.loads(read_checked(folder / PLAN_FOLDER / _PLAN, reference["sha256"], "select_mails"))
    mails = [
        PlannedMail(**{**mail, "kind": MailKind(mail["kind"]) if mail["kind"] else None}) for mail in found["mails"]
    ]
    given = found["options"]
    chosen = MailOptions(**{**given, "kinds": [MailKind(kind) for kind in given["kinds"]]})
    return MailPlan(**{**found, "options": chosen, "mails": mails})


def composer(settings: MailSettings) -> Callable[[LinkMail, str], EmailMessage]:
    """Return what makes the message of a mail, with its Message-ID."""

    def make(mail: LinkMail, message_id: str) -> EmailMessage:
        return compose(mail, settings.sender, settings.reply_to, message_id, time.time(), settings.template_folder)

    return make


def linker(settings: MailSettings) -> Callable[[str], str]:
    """Return what a mail links to, for a ticket's URL."""
    return partial(link_of, page=settings.link_page)


def export(outcomes: Sequence[MailOutcome], plan: MailPlan, folder: AnyPath, run: Run) -> Exported:
    """Write the report of a run that ends now, a row for each prospect that the run is about."""
    reminds = MailKind.REMINDER in plan.options.kinds
    notes = [] if plan.has_logs or not reminds else [_NO_REMINDERS]
    summary = reports.write_deliveries(folder, outcomes, reports.run_info(run, [], notes, tenant=plan.tenant))
    red = (DeliveryStatus.FAILED, DeliveryStatus.POSSIBLY_SENT)
    errors = ((one.organization_id, one.error) for one in outcomes if one.status in red)
    return Exported(str(folder), summary, first_errors(errors))


def require_sent(exported: Exported | None) -> None:
    """
    Check that every mail of a run was sent, or refused for good.

    :raises MailingError: if one failed, or was possibly sent, or there is no report.
    """
    if exported is None:
        raise MailingError("There is no report: see the log of the run's first failed task.")
    summary = exported.summary
    failed, possibly = summary["failed"], summary["possibly_sent"]
    if failed or possibly:
        errors = "".join(f"\n{error}" for error in exported.errors)
        raise MailingError(
            f"{failed} mails failed, {possibly} were possibly sent: see {exported.report_uri}. Failed ones are sent by "
            f"the next run. Of those that were possibly sent, ask the customer, or use resend.{errors}"
        )
