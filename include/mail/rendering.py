"""
The templates: which of them a language gets, and how they are rendered.

They are Jinja, in a sandbox: a template of one's own gets the values of the mail and nothing else of the process.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auth0_sso.models import MailKind

from include.mail.errors import MailTemplateError
from include.prospects.schema.formats import language_tag

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

SHIPPED = Path(__file__).parent / "templates"
SUFFIX = ".j2"
SUBJECT, TEXT, HTML = PARTS = ("subject", "txt", "html")
MAX_PART_CHARACTERS = 200_000
MAX_RENDER_SECONDS = 5.0
MAX_TAG_CHARACTERS = 35
TICKET_ID_CHARACTERS = 32


@dataclass(frozen=True)
class MailText:
    """The rendered parts of a mail; the subject is one line."""

    subject: str
    text: str
    html: str


def template_name(kind: MailKind, language: str, part: str) -> str:
    """Return a template's file name, such as ``invitation.de.html.j2``; an empty language is the default."""
    return ".".join(filter(None, (kind, language, part))) + SUFFIX


def languages_for(tag: str) -> Iterator[str]:
    """Yield a tag as file names spell it, what it falls back to, and the default: ``de-AT``, ``de``, ````."""
    if is_tag(tag):
        subtags = spelt(tag).split("-")
        while subtags:
            yield "-".join(subtags)
            subtags.pop()
    yield ""


def is_tag(tag: str) -> bool:
    """Whether a text is a language tag; no path is one."""
    try:
        return len(language_tag(tag)) <= MAX_TAG_CHARACTERS
    except ValueError:
        return False


def spelt(tag: str) -> str:
    """Return a tag in the usual case, as BCP 47 recommends: ``pt-BR``, ``zh-Hant``."""
    first, *others = tag.split("-")
    return "-".join([first.lower(), *map(_spelt_subtag, others)])


def _spelt_subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 else subtag.lower()


class Templates:
    """
    The shipped templates, and those of a folder of one's own, which count first, file by file.

    :raises MailTemplateError: if the folder is none.
    """

    def __init__(self, folder: Path | None) -> None:
        from jinja2 import ChoiceLoader, FileSystemLoader

        if folder is not None and not folder.is_dir():
            raise MailTemplateError(f"SSO_TICKETS_MAIL_TEMPLATES must name a folder, but {folder} is none.")
        self._loader = ChoiceLoader([FileSystemLoader(one) for one in (folder, SHIPPED) if one is not None])
        # What is escaped doesn't depend on the names of included files, which need not be HTML themselves.
        self._plain = _environment(self._loader, autoescape=False)
        self._html = _environment(self._loader, autoescape=True)

    def language_of(self, kind: MailKind, tag: str) -> str:
        """Return the language whose templates a mail gets: the nearest one with all parts; empty for the default."""
        return next(one for one in languages_for(tag) if not one or not self.missing(kind, one))

    def missing(self, kind: MailKind, language: str) -> list[str]:
        """Return the file names of the parts that a language has no template for."""
        names = [template_name(kind, language, part) for part in PARTS]
        return [name for name in names if not self._has(name)]

    def render(self, kind: MailKind, language: str, values: Mapping[str, Any], *, is_sample: bool = False) -> MailText:
        """
        Render the parts of a mail.

        :param language: one that :meth:`language_of` returned.
        :param values: see :func:`~include.mail.values.values_of`.
        :param is_sample: whether an error may quote the values, since the link is none.
        :raises MailTemplateError: names the file and the line.
        """
        from markupsafe import escape

        subject, text, html = (
            _render(environment, template_name(kind, language, part), values, is_sample=is_sample)
            for environment, part in ((self._plain, SUBJECT), (self._plain, TEXT), (self._html, HTML))
        )
        for part, content, link in ((TEXT, text, values["link"]), (HTML, html, escape(values["link"]))):
            if link not in content:
                raise MailTemplateError(f"{template_name(kind, language, part)} has no link: add {{{{ link }}}} to it.")
        one_line = _one_line(subject)
        if not one_line:
            raise MailTemplateError(f"{template_name(kind, language, SUBJECT)} is empty: write the subject in it.")
        if values["link"][-TICKET_ID_CHARACTERS:] in one_line:
            raise MailTemplateError(f"{template_name(kind, language, SUBJECT)} has the link, and mail servers log it.")
        return MailText(one_line, text, html)

    def included(self) -> set[str | None]:
        """Return the names of the files that templates include; None among them: a name that rendering makes."""
        from jinja2 import TemplateSyntaxError
        from jinja2.meta import find_referenced_templates

        names: set[str | None] = set()
        for template in self._plain.list_templates(filter_func=lambda name: name.endswith(SUFFIX)):
            # What can't be read includes nothing; rendering says so if a mail needs it.
            with suppress(TemplateSyntaxError, UnicodeDecodeError):
                source, _, _ = self._loader.get_source(self._plain, template)
                names.update(find_referenced_templates(self._plain.parse(source)))
        return names

    def _has(self, name: str) -> bool:
        from jinja2 import TemplateNotFound

        try:
            self._loader.get_source(self._plain, name)
        except TemplateNotFound:
            return False
        except UnicodeDecodeError:
            pass  # it is there, and rendering it says what is wrong with it
        return True


@cache
def templates_in(folder: Path | None) -> Templates:
    """Return the templates of a folder, see :class:`Templates`."""
    return Templates(folder)


def _environment(loader: BaseLoader, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render(
    environment: ImmutableSandboxedEnvironment, name: str, values: Mapping[str, Any], *, is_sample: bool
) -> str:
    from jinja2 import TemplateSyntaxError

    try:
        return _bounded(environment.get_template(name), values)
    except MailTemplateError:
        raise
    except TemplateSyntaxError as error:
        raise MailTemplateError(f"{error.filename or error.name}, line {error.lineno}: {error.message}") from None
    # A template of one's own can raise anything; from None, since the words of an error may quote the link.
    except Exception as error:
        kind = type(error).__name__
        raise MailTemplateError(f"{_place(error, name)}: {kind}{f': {error}' if is_sample else ''}") from None


def _bounded(template: Template, values: Mapping[str, Any]) -> str:
    """Render a template, which may neither be long nor take long."""
    deadline = time.monotonic() + MAX_RENDER_SECONDS
    parts, size = [], 0
    for part in template.generate(values):
        parts.append(part)
        size += len(part)
        if size > MAX_PART_CHARACTERS:
            raise MailTemplateError(f"{template.filename} makes more than {MAX_PART_CHARACTERS:,} characters.")
        if time.monotonic() > deadline:
            raise MailTemplateError(f"{template.filename} takes more than {MAX_RENDER_SECONDS:g} seconds.")
    return "".join(parts)


def _place(error: Exception, name: str) -> str:
    """Return the file and the line of a template that raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    in_templates = [frame for frame in frames if frame.filename.endswith(SUFFIX)]
    return f"{in_templates[-1].filename}, line {in_templates[-1].lineno}" if in_templates else name


def _one_line(text: str) -> str:
    """
    Return a subject without line breaks.

    Python decodes encoded words (RFC 2047) in the header's value, line breaks among them, and some versions then send
    them as they are (CVE-2024-6923). So a subject has no encoded word.
    """
    return " ".join(text.split()).replace("=?", "= ?")
