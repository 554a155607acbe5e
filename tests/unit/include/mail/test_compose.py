"""A mail has what its reader and their mail program need, and the text says what the HTML says."""

from __future__ import annotations

import email
from email.policy import default
from typing import Any

import pytest
from auth0_sso.models import MailKind, RecipientError

from include.mail import ExpiredLinkError, MailSettingError
from tests.support.mails import ID, LINK, NOW, Read, composed, html_of, text_of

DAY, HOUR, MINUTE = 86_400, 3_600, 60


def test_it_is_a_text_and_the_same_as_html_with_the_headers_of_an_automatic_mail() -> None:
    message = email.message_from_bytes(composed(reply_to="Help <help@sender.example>").as_bytes(), policy=default)
    assert {name.lower(): value for name, value in message.items() if name != "Content-Type"} == {
        "from": "Single sign-on <sso@sender.example>",
        "to": "it@acme.example",
        "reply-to": "Help <help@sender.example>",
        "subject": "Set up single sign-on for Acme",
        "date": "Tue, 01 Dec 2026 00:00:00 +0000",
        "message-id": ID,
        "auto-submitted": "auto-generated",
        "mime-version": "1.0",
    }
    assert message.get_content_type() == "multipart/alternative"
    parts = [(part.get_content_type(), part["Content-Transfer-Encoding"]) for part in message.iter_parts()]
    assert parts == [("text/plain", "quoted-printable"), ("text/html", "quoted-printable")]


def test_every_line_that_is_sent_is_short_and_in_ascii() -> None:
    content = composed(language="de", organization_name="Müller & Söhne " * 6, prospect_name="Größe " * 16).as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78


def test_without_an_address_for_answers_there_is_no_such_header() -> None:
    assert composed()["Reply-To"] is None


@pytest.mark.parametrize("language", ["", "de"])
@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("names", [("IT desk", "Acme & Co <Ltd>"), ("", "")], ids=["names", "no names"])
def test_text_and_html_say_the_same(kind: MailKind, language: str, names: tuple[str, str]) -> None:
    message = composed(kind=kind, language=language, prospect_name=names[0], organization_name=names[1])
    said = text_of(message).replace("on:\n", "on\n").replace("einrichten:\n", "einrichten\n")
    assert Read(html_of(message)).words == said.split()
    assert LINK in said


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [
        (MailKind.REPLACEMENT, "", "The link that we sent you before no longer works."),
        (MailKind.REPLACEMENT, "de", "der Link, den wir Ihnen zuvor geschickt haben, funktioniert nicht mehr."),
        (MailKind.REMINDER, "", "Here it is again"),
        (MailKind.REMINDER, "de", "Hier ist er noch einmal"),
        (MailKind.INVITATION, "", "With this link you set up single sign-on for Acme."),
        (MailKind.INVITATION, "de", "mit diesem Link richten Sie Single Sign-on für Acme ein."),
    ],
)
def test_each_kind_says_why_it_comes(kind: MailKind, language: str, said: str) -> None:
    others = [text_of(composed(kind=other, language=language)) for other in MailKind if other != kind]
    assert said in text_of(composed(kind=kind, language=language))
    assert not [text for text in others if said in text]


@pytest.mark.parametrize("said", ["for 5 more hours", "at most 10 times", "Administrator rights", "Forward it only to"])
def test_it_says_how_long_the_link_works_what_is_needed_and_that_it_is_personal(said: str) -> None:
    assert said in text_of(composed())


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (4 * DAY + 3 * HOUR + 59, "in 4 days and 3 hours", "in 4 Tagen und 3 Stunden"),
        (DAY + HOUR, "in 1 day and 1 hour", "in 1 Tag und 1 Stunde"),
        (2 * DAY + 59 * MINUTE, "in 2 days,", "in 2 Tagen,"),
        (5 * HOUR + MINUTE, "in 5 hours and 1 minute", "in 5 Stunden und 1 Minute"),
        (HOUR, "in 1 hour,", "in 1 Stunde,"),
        (2 * MINUTE + 59, "in 2 minutes,", "in 2 Minuten,"),
        (59, "in less than a minute,", "in weniger als einer Minute,"),
    ],
)
def test_the_remaining_life_is_in_words_and_never_longer_than_it_is(seconds: int, english: str, german: str) -> None:
    expires_at = NOW + seconds
    assert english in text_of(composed(expires_at=expires_at))
    assert german in text_of(composed(expires_at=expires_at, language="de"))


@pytest.mark.parametrize(
    ("language", "said"),
    [("", "Saturday, 5 December 2026, 03:30 UTC"), ("de", "Samstag, 5. Dezember 2026, 03:30 Uhr (UTC)")],
)
def test_the_expiry_is_in_words_with_its_time_zone(language: str, said: str) -> None:
    assert said in text_of(composed(language=language))


def test_a_link_that_has_expired_is_not_mailed() -> None:
    with pytest.raises(ExpiredLinkError, match="expired at 2026-12-01T00:00:00Z") as error:
        composed(expires_at=NOW)
    assert LINK not in str(error.value)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("", "en"), ("en", "en"), ("de", "de"), ("DE", "de"), ("de-AT", "de"), ("de-Latn-AT-1996", "de"),
        ("fr", "en"), ("../de", "en"), ("de/../de", "en"), ("de.", "en"), ("de\n", "en"), ("d", "en"), ("*", "en"),
        ("de" + "-abcdefgh" * 4, "en"),
    ],
)  # fmt: skip
def test_a_language_falls_back_to_the_next_one_and_to_the_default(tag: str, language: str) -> None:
    assert ("lang", language) in Read(html_of(composed(language=tag))).attributes


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("language", ["", "de"])
def test_nothing_is_loaded_from_elsewhere_and_nothing_is_tracked(kind: MailKind, language: str) -> None:
    html = html_of(composed(kind=kind, language=language))
    page = Read(html)
    assert {value for name, value in page.attributes if "://" in value} == {LINK}
    assert {name for name, _ in page.attributes} & {"src", "srcset", "background", "poster", "action", "ping"} == set()
    assert not set(page.tags) & {"img", "link", "script", "iframe", "object", "form"}
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("", "must be one e-mail address"),
        ("it@acme.example, cfo@acme.example", "must be one e-mail address"),
        ("it@acme.example;cfo@acme.example", "must be one e-mail address"),
        ("it@acme.example\r\nBcc: x@evil.example", "must be one e-mail address"),
        ("it@acme.example\n", "must be one e-mail address"),
        ("IT <it@acme.example>", "must be one e-mail address"),
        ('"it desk"@acme.example', "must be one e-mail address"),
        ("it@acme@evil.example", "must be one e-mail address"),
        ("it@[127.0.0.1]", "must be one e-mail address"),
        ("jürgen@acme.example", "must have only ASCII letters before the @, since SMTPUTF8 is not used"),
        ("it..desk@acme.example", "must have at most 64 letters"),
        (".it@acme.example", "must have at most 64 letters"),
        ("it?bcc=x@acme.example", "must have at most 64 letters"),
        ("=?utf-8?q?a=0D=0Ab?=@acme.example", "must have at most 64 letters"),
        ("i" * 65 + "@acme.example", "must have at most 64 letters"),
        ("it@acme", "must be one e-mail address"),
        ("it@acme_.example", "must be a domain name"),
        ("it@acme.example?bcc=x.example", "must be a domain name"),
    ],
)
def test_an_address_that_is_not_one_plain_address_is_refused(to: str, reason: str) -> None:
    with pytest.raises(RecipientError, match="No mail can be sent") as error:
        composed(to=to)
    assert reason in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("to", "header"),
    [
        ("IT.Desk+sso@Acme.example", "IT.Desk+sso@acme.example"),
        ("it@müller.example", "it@xn--mller-kva.example"),
        ("it@例え.example", "it@xn--r8jz45g.example"),
    ],
)
def test_the_domain_of_an_address_is_as_dns_knows_it(to: str, header: str) -> None:
    assert composed(to=to)["To"] == header


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        ("sso@sender.example", "sso@sender.example"),
        ("Sender Inc. <sso@sender.example>", '"Sender Inc." <sso@sender.example>'),
        ('"Sender, Inc." <sso@sender.example>', '"Sender, Inc." <sso@sender.example>'),
        ("Größe <sso@größe.example>", "Größe <sso@xn--gre-6ka8i.example>"),
    ],
)
def test_a_sender_has_a_name_and_an_address(sender: str, header: str) -> None:
    message = email.message_from_bytes(composed(sender=sender).as_bytes(), policy=default)
    assert message["From"] == header


@pytest.mark.parametrize(
    "given",
    [
        {"sender": ""},
        {"sender": "Sender"},
        {"sender": "Sender, Inc. <sso@sender.example>"},
        {"sender": "a@sender.example, b@sender.example"},
        {"sender": "group: a@sender.example;"},
        {"sender": "Sender <sso@sender.example>\r\nBcc: x@evil.example"},
        {"sender": "=?utf-8?q?a=0D=0ABcc:_x@evil.example?= <sso@sender.example>"},
        {"sender": "Sender <größe@sender.example>"},
        {"sender": "Sender <sso@sender>"},
        {"reply_to": "help"},
        {"reply_to": "help@sender.example, more@sender.example"},
    ],
    ids=str,
)
def test_a_sender_that_is_not_one_address_is_refused_with_its_setting(given: dict[str, Any]) -> None:
    setting = "SSO_TICKETS_MAIL_FROM" if "sender" in given else "The address for answers"
    with pytest.raises(MailSettingError, match=f"{setting} must be one address"):
        composed(**given)
