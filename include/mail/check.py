"""Templates are tried before anything is sent, so that no run stops between two mails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auth0_sso.models import LinkMail, MailKind

from include.mail.errors import MailTemplateError
from include.mail.rendering import PARTS, SHIPPED, SUFFIX, Templates, is_tag, spelt
from include.mail.values import values_of

_NOW = 1_764_547_200.0
_SECONDS_LEFT = (4 * 86_400 + 3 * 3_600, 86_400, 3_600 + 60, 60, 1)
_NAMES = (("IT desk", "Acme"), ("Ada", "O'Neil & Müller GmbH"), ("Ada", ""), ("", "Acme"), ("", ""))
_LINK = "https://tenant.example/self-service/connections-flow?ticket=" + "x" * 32


def check_templates(folder: Path | None) -> None:
    """
    Render all mails in all languages with sample data.

    :param folder: the templates of one's own; None: the shipped ones alone.
    :raises MailTemplateError: if a template is missing, misspelt, can't be rendered, or would be used by no mail.
    """
    templates = Templates(folder)
    languages = {SHIPPED: _languages(SHIPPED)} | ({folder: _languages(folder)} if folder else {})
    for kind, language in sorted(set().union(*languages.values())):
        missing = templates.missing(kind, language)
        if missing:
            raise MailTemplateError(
                f"{missing[0]} is missing, so no {kind} would be in the language {language}: add it."
            )
        for mail in _samples(kind):
            templates.render(kind, language, values_of(mail, _NOW), is_sample=True)
    if folder:
        _check_that_all_are_used(folder, templates)


def _check_that_all_are_used(folder: Path, templates: Templates) -> None:
    """Check that a mail needs each template of a folder: one that none needs is misspelt, and mails lack its text."""
    included = templates.included()
    shipped = {file.name for file in SHIPPED.iterdir()}
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.name in included or None in included:
            continue
        complete = file.with_name(file.name + SUFFIX)
        if file.suffix != SUFFIX and (complete.name in shipped or _kind_and_language(complete)):
            raise MailTemplateError(f"{file} is used by no mail: the name of a template ends with {SUFFIX}.")
        if file.suffix == SUFFIX and not _kind_and_language(file):
            raise MailTemplateError(f"{file} is used by no mail, and no template includes it: correct its name.")
    if not any(folder.glob(f"*{SUFFIX}")):
        raise MailTemplateError(f"{folder} has no template: add one, or empty SSO_TICKETS_MAIL_TEMPLATES.")


def _languages(folder: Path) -> set[tuple[MailKind, str]]:
    """Return the kinds and languages that a folder has a template of."""
    return set(filter(None, map(_kind_and_language, sorted(folder.glob(f"*{SUFFIX}")))))


def _kind_and_language(file: Path) -> tuple[MailKind, str] | None:
    """Return what a file is the template of; None for one that others include."""
    kind, _, rest = file.name.removesuffix(SUFFIX).partition(".")
    language, _, part = rest.rpartition(".")
    if kind not in tuple(MailKind) or part not in PARTS:
        return None
    if language and not (is_tag(language) and spelt(language) == language):
        raise MailTemplateError(f"{file}: {language} is not spelt as a language tag, such as de or pt-BR.")
    return MailKind(kind), language


def _samples(kind: MailKind) -> Iterator[LinkMail]:
    for seconds in _SECONDS_LEFT:
        for prospect_name, organization_name in _NAMES:
            yield LinkMail(
                kind=kind,
                to="it@acme.example",
                prospect_name=prospect_name,
                organization_name=organization_name,
                language="",
                link=_LINK,
                expires_at=_NOW + seconds,
            )
