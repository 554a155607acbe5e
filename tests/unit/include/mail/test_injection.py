"""Nothing from a CSV becomes a header, markup, a link or a template."""

from __future__ import annotations

import email
import re
from email.message import Message
from email.policy import default
from typing import Any

import pytest
from auth0_sso.models import RecipientError
from hypothesis import given
from hypothesis import strategies as st

from include.mail.names import safe_name
from tests.support.mails import LINK, Read, composed, html_of, text_of

PIECES = [
    "\r\nBcc: x@evil.example", "\nX: y", "\r", "\n\n<h1>", "<b>", "</p>", "<img src=x onerror=alert(1)>", "<!--", "]]>",
    "<script>alert(1)</script>", '" onclick="x', "' style='x", "&lt;", "&#60;b&#62;", "{{ 7 * 7 }}", "{{ link }}",
    "{% include 'layout.html.j2' %}", "{#", "{{ ''.__class__ }}", "%0d%0aBcc:x", "?bcc=x@evil.example", "mailto:x@y",
    "&cc=x", "=?utf-8?q?a=0D=0ABcc:_x@evil.example?=", "=?utf-8?b?DQpCY2M6IHg=?=", "http://evil.example", "www.evil",
    "evil.example", "javascript:alert(1)", "\u202e", "\u200b", "\u2028", "\x00", "\x1b[31m", "\ud800", ",", ";", "@",
    "<", ">", '"', "\\", "../", "de", "Acme", " ", "\u00a0", "ß",
]  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=6).map("".join)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
PLAIN = composed(prospect_name="", organization_name="")


def received(message: Message) -> Message:
    """Return a message as a mail program has it."""
    return email.message_from_bytes(message.as_bytes(), policy=default)


def check(message: Message) -> None:
    """A mail has the headers, the elements, the attributes and the links of one without any name."""
    again = received(message)
    assert again.keys() == HEADERS
    assert [part.keys() for part in again.walk()] == [part.keys() for part in received(PLAIN).walk()]
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    assert re.findall(rb"^([\w-]+):", head, re.MULTILINE) == [name.encode() for name in HEADERS]
    page, plain = Read(html_of(again)), Read(html_of(PLAIN))
    assert page.tags == plain.tags
    in_english = [pair for pair in page.attributes if pair[0] != "lang"]
    assert in_english == [pair for pair in plain.attributes if pair[0] != "lang"]
    for seen in (text_of(again), " ".join(page.words), again["Subject"]):
        rest = seen.replace(LINK, "")
        assert not re.search(r"://|www\.|@|[^\W_]\.[^\W_]{2}", rest, re.IGNORECASE), rest


@given(prospect_name=HOSTILE, organization_name=HOSTILE, language=HOSTILE)
def test_names_and_languages_change_no_header_element_or_link(**cells: str) -> None:
    check(composed(**cells))


@given(to=HOSTILE.map(lambda text: f"it{text}@acme.example") | HOSTILE)
def test_an_address_is_refused_or_is_the_only_recipient(to: str) -> None:
    try:
        message = composed(to=to, prospect_name="", organization_name="")
    except RecipientError:
        return
    check(message)
    (address,) = received(message)["To"].addresses
    assert address.addr_spec.rpartition("@")[0] == to.rpartition("@")[0]


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("field", ["prospect_name", "organization_name", "language"])
def test_each_hostile_cell_has_no_effect(field: str, piece: str) -> None:
    check(composed(**{field: piece}))
    check(composed(**{field: f"Acme {piece} Ltd"}))


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% raw %}", "<b>Acme</b>", "Acme &amp; Co", "{{ link }}"])
def test_a_name_that_is_shown_is_shown_as_it_is(name: str) -> None:
    message = received(composed(prospect_name=name, organization_name=name))
    said = f"Hello {name}, With this link you set up single sign-on for {name}."
    assert said in " ".join(text_of(message).split())
    assert said in " ".join(Read(html_of(message)).words)
    assert message["Subject"] == f"Set up single sign-on for {name}"


@given(name=HOSTILE)
def test_a_name_stays_as_it_is_or_is_left_out(name: str) -> None:
    assert safe_name(name) in ("", " ".join(name.split()))


@pytest.mark.parametrize("field", ["prospect_name", "organization_name"])
def test_a_subject_has_no_encoded_word_that_is_decoded_to_a_line_break(field: str) -> None:
    values: dict[str, Any] = {field: "=?utf-8?q?a=0D=0ABcc:_x?="}
    message = composed(**values)
    assert b"\nBcc" not in message.as_bytes()
    assert received(message)["Bcc"] is None
