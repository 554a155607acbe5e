"""Templates of one's own count first, in a sandbox, and are tried before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.mail import MailTemplateError, check_templates, rendering
from tests.support.mails import LINK, composed, html_of, text_of

PORTUGUESE = {
    "invitation.pt-BR.subject.j2": "Configure o SSO",
    "invitation.pt-BR.txt.j2": "Olá {{ prospect_name }}: {{ link }}",
    "invitation.pt-BR.html.j2": "<p>Olá {{ prospect_name }}: <a href='{{ link }}'>{{ link }}</a></p>",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in PORTUGUESE.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_shipped_templates_can_be_rendered() -> None:
    check_templates(None)


def test_a_language_of_ones_own_needs_its_three_files_and_nothing_else(folder: Path) -> None:
    check_templates(folder)
    message = composed(templates=folder, language="pt-br", prospect_name="Ada & <b>")
    assert message["Subject"] == "Configure o SSO"
    assert text_of(message).startswith(f"Olá Ada & <b>: {LINK}")
    assert html_of(message).startswith(f"<p>Olá Ada &amp; &lt;b&gt;: <a href='{LINK}'>")


def test_a_language_without_all_its_files_is_not_used_and_the_check_names_the_missing_one(folder: Path) -> None:
    (folder / "invitation.pt-BR.txt.j2").unlink()
    assert composed(templates=folder, language="pt-BR")["Subject"] == "Set up single sign-on for Acme"
    with pytest.raises(MailTemplateError, match=r"^invitation\.pt-BR\.txt\.j2 is missing"):
        check_templates(folder)


def test_files_count_first_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "invitation.subject.j2").write_text("Welcome\n to\r\n{{ organization_name }}")
    (tmp_path / "layout.txt.j2").write_text("{{ say.action }} here: {{ link }}")
    check_templates(tmp_path)
    message = composed(templates=tmp_path)
    assert message["Subject"] == "Welcome to Acme"
    assert text_of(message).strip() == f"Set up single sign-on here: {LINK}"
    assert "Hello IT desk," in html_of(message)
    assert composed(templates=tmp_path, language="de")["Subject"] == "Single Sign-on für Acme einrichten"


def test_a_file_that_html_includes_is_escaped_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "invitation.html.j2").write_text(
        "{% include 'invitation.subject.j2' %}{% include 'x.txt.j2' %}{{ link }}"
    )
    (tmp_path / "x.txt.j2").write_text("{% macro name() %}{{ prospect_name }}{% endmacro %}{{ name() }}")
    html = html_of(composed(templates=tmp_path, organization_name="<i>", prospect_name="<b>"))
    assert "for &lt;i&gt;" in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("a\n{{ link }\n", 2, "unexpected '}'"),
        ("a\n\n{{ nobody }}", 3, "UndefinedError: 'nobody' is undefined"),
        ("{{ link.__class__ }}", 1, "SecurityError"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", 1, "SecurityError"),
        ("a\n{{ 1 / 0 }}", 2, "ZeroDivisionError"),
        ("{% include 'nowhere.j2' %}", 1, "TemplateNotFound: nowhere.j2"),
        ("{% include '../secret.j2' %}", 1, "TemplateNotFound"),
        ("{% for n in range(10000000) %}{% endfor %}", 1, "OverflowError"),
    ],
)
def test_an_error_of_a_template_names_the_file_and_the_line(
    tmp_path: Path, content: str, line: int, reason: str
) -> None:
    file = tmp_path / "invitation.html.j2"
    file.write_text(content)
    with pytest.raises(MailTemplateError) as error:
        check_templates(tmp_path)
    assert str(error.value).startswith(f"{file}, line {line}: ")
    assert reason in str(error.value)


def test_an_error_with_a_real_link_does_not_quote_it(tmp_path: Path) -> None:
    (tmp_path / "invitation.txt.j2").write_text("{{ {}[link] }}")
    with pytest.raises(MailTemplateError, match=r"invitation\.txt\.j2, line 1: UndefinedError$") as error:
        composed(templates=tmp_path)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_a_template_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "invitation.txt.j2").write_bytes("Grüße {{ link }}".encode("latin-1"))
    with pytest.raises(MailTemplateError, match=r"^invitation\.txt\.j2: UnicodeDecodeError"):
        check_templates(tmp_path)


@pytest.mark.parametrize("part", ["txt", "html"])
def test_a_mail_without_the_link_is_refused(tmp_path: Path, part: str) -> None:
    (tmp_path / f"reminder.{part}.j2").write_text("Hello")
    with pytest.raises(MailTemplateError, match=rf"^reminder\.{part}\.j2 has no link: add {{{{ link }}}} to it"):
        check_templates(tmp_path)


@pytest.mark.parametrize("subject", ["", " \n\t", "{% if prospect_name %}Hello{% endif %}"])
def test_a_mail_without_a_subject_is_refused(tmp_path: Path, subject: str) -> None:
    (tmp_path / "reminder.subject.j2").write_text(subject)
    with pytest.raises(MailTemplateError, match=r"^reminder\.subject\.j2 is empty: write the subject in it"):
        check_templates(tmp_path)


@pytest.mark.parametrize(
    "name", ["invitations.html.j2", "invitation.htm.j2", "invitation.j2", "Invitation.de.txt.j2", "footer.html.j2"]
)
def test_a_file_that_no_mail_uses_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("{{ broken")
    with pytest.raises(MailTemplateError, match=f"{name} is used by no mail, and no template includes it"):
        check_templates(folder)


def test_a_subject_with_the_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reminder.subject.j2").write_text("Your link: {{ link[8:] }}")
    with pytest.raises(MailTemplateError, match=r"^reminder\.subject\.j2 has the link, and mail servers log it"):
        check_templates(tmp_path)


@pytest.mark.parametrize("name", ["invitation.html", "reminder.de.txt", "wording", "wording.de", "layout.html"])
def test_a_template_without_its_suffix_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("{{ link }}")
    with pytest.raises(MailTemplateError, match=rf"{name} is used by no mail: the name of a template ends with \.j2"):
        check_templates(folder)


@pytest.mark.parametrize("include", ["'footer.html.j2'", "['nowhere.j2', 'footer.html.j2']", "'foot' ~ 'er.html.j2'"])
def test_a_file_that_a_template_includes_is_used(folder: Path, include: str) -> None:
    (folder / "footer.html.j2").write_text("<p>Acme</p>")
    (folder / "invitation.html.j2").write_text(f"{{{{ link }}}}{{% include {include} %}}")
    for other in ("README.md", "wording.md", "layout.css", "invitation.html.j2~"):
        (folder / other).write_text("Our templates")
    (folder / "layout").mkdir()
    check_templates(folder)


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Our templates")
    with pytest.raises(MailTemplateError, match=f"{tmp_path} has no template: add one, or empty SSO_TICKETS_MAIL"):
        check_templates(tmp_path)


@pytest.mark.parametrize("language", ["pt-br", "PT", "x_y", "de.AT", "d"])
def test_a_misspelt_language_is_named(tmp_path: Path, language: str) -> None:
    (tmp_path / f"invitation.{language}.txt.j2").write_text("{{ link }}")
    with pytest.raises(MailTemplateError, match=f"{language} is not spelt as a language tag"):
        check_templates(tmp_path)


def test_a_template_may_neither_be_long_nor_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "invitation.txt.j2"
    file.write_text("{% for n in range(99999) %}{{ link }}{% endfor %}")
    with pytest.raises(MailTemplateError, match=f"{file} makes more than 200,000 characters"):
        check_templates(tmp_path)
    monkeypatch.setattr(rendering, "MAX_RENDER_SECONDS", -1.0)
    file.write_text("{{ link }}")
    with pytest.raises(MailTemplateError, match="takes more than"):
        check_templates(tmp_path)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_folder_that_is_none_is_refused_with_its_setting(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MailTemplateError, match="SSO_TICKETS_MAIL_TEMPLATES must name a folder"):
        check_templates(tmp_path / name)
