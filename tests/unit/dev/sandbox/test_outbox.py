"""The sandbox's mail server keeps what it gets, and its outbox shows that as texts whose links work."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest

from dev.local.ports import free_port
from dev.sandbox.server import Sandbox, SandboxError
from dev.sandbox.tenant.outbox import MAX_MAILS, Mail, Outbox
from dev.sandbox.tenant.settings import SandboxSettings


@pytest.fixture
def mail_port() -> int:
    return free_port()


@pytest.fixture
def tenant(mail_port: int) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(latency=(0.0, 0.0)), mail_port=mail_port) as running:
        yield running


def message(subject: str = "Set up single sign-on", text: str = "Hello", to: str = "it@acme.example") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Acme <sso@sender.example>", to, subject
    made.set_content(text)
    made.add_alternative(f"<p>HTML of {subject}</p>", subtype="html")
    return made


def send(port: int, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        for one in messages:
            client.send_message(one)


def page(tenant: Sandbox) -> httpx.Response:
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        return http.get("/_sandbox/outbox")


def test_before_a_mail_has_come_the_outbox_says_so(tenant: Sandbox) -> None:
    assert "No mail has come." in page(tenant).text


def test_the_latest_mail_comes_first_and_the_front_page_counts_them(tenant: Sandbox, mail_port: int) -> None:
    send(mail_port, message("First"), message("Second", to="ada@globex.example"))
    text = page(tenant).text
    assert text.index("<h2>Second</h2>") < text.index("<h2>First</h2>")
    assert "ada@globex.example" in text
    with httpx.Client(base_url=tenant.url, trust_env=False) as http:
        front = http.get("/").text
    assert "<dt>Mails in the outbox</dt><dd>2</dd>" in front
    assert 'href="/_sandbox/outbox"' in front


def test_the_link_in_a_text_is_a_link_and_no_other_site_learns_it(tenant: Sandbox, mail_port: int) -> None:
    link = f"{tenant.url}/self-service/connections-flow?ticket={'a' * 32}"
    send(mail_port, message(text=f"Open this:\n{link}\nIt lives for 5 days & no longer."))
    answer = page(tenant)
    assert f'<a href="{link}" rel="noreferrer">{link}</a>' in answer.text
    assert "5 days &amp; no longer" in answer.text
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'https://x.example/"onclick=alert(1)', "javascript:x"])
def test_markup_in_a_mail_is_shown_as_it_is(tenant: Sandbox, mail_port: int, text: str) -> None:
    send(mail_port, message(subject=text, text=text))
    shown = page(tenant).text
    assert "<script>alert" not in shown
    assert 'href="javascript' not in shown
    assert '"onclick' not in shown


def test_a_reset_empties_it(tenant: Sandbox, mail_port: int) -> None:
    send(mail_port, message())
    assert [mail.recipients for mail in tenant.outbox] == [["it@acme.example"]]
    tenant.reset()
    assert tenant.outbox == []


def test_it_keeps_the_latest_mails_only() -> None:
    outbox = Outbox()
    outbox.extend(Mail(str(number), [], b"") for number in range(MAX_MAILS + 1))
    assert (len(outbox), outbox[0].sender) == (MAX_MAILS, "1")


def test_a_sandbox_without_a_mail_port_takes_no_mail(mail_port: int) -> None:
    with Sandbox(), pytest.raises(OSError, match="refused"):
        send(mail_port, message())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mail_port_that_is_taken_ends_the_start(tenant: Sandbox, mail_port: int) -> None:
    other = Sandbox(mail_port=mail_port)
    with pytest.raises(SandboxError):
        other.start()
