"""A name from the CSV is only a name in a mail, or is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linkify_it import LinkifyIt

from include.mail.names import safe_name

LINKIFY = LinkifyIt(options={"fuzzy_ip": True}).tlds(["com", "ws", "example", "भारत", "বাংলা", "xn--p1ai"], keep_old=True)
PIECES = [
    "evil", "Acme", ".", "\u3002", "\uff0e", "com", "ws", "example", "भारत", "বাংলা", "हिन्दी", "😀", "_", "-", " ",
    "1", "/x", ":", "//", "@", "www", "mailto", "\ufe0f", "\u0301", "\u200d", "(", ")", "Ltd",
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "Acme", "IT desk", "Müller & Söhne GmbH", "J.R.R. Smith", "Dr. Smith", "Acme Inc.", "Acme S.p.A.", "O'Neill",
        "株式会社サンプル", "Studio 54",
        "Acme (UK)", "(Acme Inc.)", "Acme e.V.", "S.A. de C.V.", "हिन्दी कंपनी प्रा. लि.",
        "A/B Testing", "Team: IT", 'Acme "AG"', "{{ 7 * 7 }}", "<b>Acme</b>",
        "n" * 100, "Ada \u2764\ufe0f",
    ],
)  # fmt: skip
def test_an_ordinary_name_is_shown(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "http://evil.example", "x://y", "WWW.evil", "ada@acme", "acme.example", "Booking.com", "evil.example/path",
        "10.0.0.10", "acme\uff0eexample", "acme\u3002example", "ada\uff20acme", "acme.例え",
        "mailto:ada", "tel:+1", "javascript:alert",
        "Call +1 (900) 555-0199", "0049 30 1234567", "1\u2011900\u2011555\u20110199", "1·900·555·0199",
        "हिन्दी.com", "😀.ws", "evil.भारत", "evil_.com", "1.1.1.1", r"\\evil\share",
    ],
)  # fmt: skip
def test_a_name_that_a_mail_program_would_link_is_left_out(name: str) -> None:
    assert safe_name(name) == ""
    assert safe_name(f"Acme {name} Ltd") == ""


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\r\nBcc: x",
        "a\0",
        "a\u202eb",
        "a\u2028b",
        "acme\u200b.com",
        "\ud800",
        "a\u2060b",
        "n" * 101,
        "\ufeffa",
        "evil\ufe0f.com",
        "evil\u034f.com",
        "evil\u180b.com",
        "evil\u2800.com",
        "evil\U000e0100.com",
    ],
    ids=ascii,
)
def test_a_name_with_characters_that_no_one_sees_or_of_great_length_is_left_out(name: str) -> None:
    assert safe_name(name) == ""


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join))
def test_a_name_that_is_shown_is_linked_by_no_program_that_knows_all_endings(name: str) -> None:
    assert not LINKIFY.test(safe_name(name))


def test_white_space_in_a_name_is_one_space() -> None:
    assert safe_name("  Acme \u00a0 Ltd ") == "Acme Ltd"
