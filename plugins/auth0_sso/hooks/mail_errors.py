"""
What a failure at the mail server means: for this mail, for all of them, or for now.

A mail server's words often quote an address, and a filter's may quote a link. Neither gets into an error.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl

from auth0_sso.exceptions import (
    MailPossiblySentError,
    MailRefusedError,
    MailSettingsError,
    MailTransientError,
    MailUnclearRefusalError,
)
from auth0_sso.hooks.transport import cause_of
from auth0_sso.models import shown

MailError = MailRefusedError | MailTransientError | MailSettingsError | MailPossiblySentError

# RFC 4954, section 6: any command may be answered so if the server requires a login, or a better one. Some servers also
# require TLS by 530 (RFC 3207, section 4), or a login by 503.
_LOGIN_REQUIRED = frozenset((503, 530, 534, 535, 538))
# Enhanced status codes of RFC 3463 and its registry at IANA; some servers have theirs in the text, as (#5.7.1).
_ENHANCED = re.compile(r"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![\d.])")
# The recipient's address or mailbox.
_OF_RECIPIENT = re.compile(r"5\.(1\.(1|2|3|4|6|10)|2\.(1|2|3|4))")
# The sender's address or system, its quota, the protocol, or who has logged in. 5.1.90, 5.2.252, 5.7.50 on: Exchange.
_OF_SENDER = re.compile(r"5\.(1\.(7|8|90)|2\.252|4\.5|5\.1|7\.(8|9|11|13|14|54|57|60))")
_SEND_AS_DENIED = "SendAsDenied"  # Exchange says so by 5.2.0, too
# RFC 5321, section 4.2.3: to RCPT, these are about the mailbox. Servers give them for rules too, as only words say.
_OF_MAILBOX = frozenset((550, 551, 553))
_NO_MAILBOX = re.compile(r"\b(no such|unknown|not found|invalid|does not exist|doesn't exist|mailbox unavailable)\b")
_RULE = re.compile(r"relay|auth|den[iy]|polic|block|black|spam|sender|limit|exceed|suspend|allow|permit|domain|host")

_CHECK_LOGIN = "Check login, password and auth_type of the Airflow connection to the mail server."
_CHECK_TLS = (
    "Check the connection's host and port, and how TLS begins there: at the start, as on port 465, needs the extra "
    "disable_tls; by STARTTLS, as on port 587, needs disable_ssl."
)
_CHECK_HOST = "Check host and port of the Airflow connection to the mail server, and the firewall before it."
_CHECK_SENDER = "Check that the mail server lets this login send mails from the sender's address."
_ASK_SERVER = "Ask who runs the mail server why it refuses this client."

_MAX_SAID = 200
# A word that can be shown. Addresses, links and their parts have other characters, and ticket ids are longer.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9.,;:'()\[\]!-]{1,20}")


def error_of_reply(command: str, code: int, said: bytes, to: str) -> MailError:
    """
    Return the error for a reply that doesn't accept a step of a mail.

    RFC 5321, section 4.2.5: after a reply of 4xx or 5xx to the text, the server must not deliver it.

    :param command: that was answered: ``MAIL``, ``RCPT``, ``DATA``, or ``the text``.
    :param said: the reply's text.
    :param to: the recipient's address, which is not shown.
    """
    message = f"{_answered(code, said, to)} to {command}."
    words = said.decode("ascii", errors="replace")
    if code in _LOGIN_REQUIRED:
        return MailSettingsError(message, advice=f"{_CHECK_LOGIN} {_CHECK_TLS}")
    if not 500 <= code < 600:
        return MailTransientError(message)
    if command == "MAIL" or _is_of_sender(words):  # the sender is the same for all mails
        return MailSettingsError(message, advice=_CHECK_SENDER)
    if _is_of_recipient(command, code, words, to):
        return MailRefusedError(message, advice="Check the recipient's address.")
    return MailUnclearRefusalError(message, advice="Check the recipient's address, and what the mail server says.")


def _is_of_sender(said: str) -> bool:
    """Whether a refusal says that it is about the sender, or about who sends."""
    enhanced = _ENHANCED.search(said)
    return _SEND_AS_DENIED in said or (enhanced is not None and _OF_SENDER.fullmatch(enhanced[0]) is not None)


def _is_of_recipient(command: str, code: int, said: str, to: str) -> bool:
    """Whether a refusal says that it is about the recipient's mailbox, and not about every mail."""
    if enhanced := _ENHANCED.search(said):
        return _OF_RECIPIENT.fullmatch(enhanced[0]) is not None
    address = "|".join(rf"\b{re.escape(part)}\b" for part in to.lower().split("@"))
    words = re.sub(rf"\S*@\S*|{address}", "", said.lower())
    says_so = _NO_MAILBOX.search(words) is not None and _RULE.search(words) is None
    return command == "RCPT" and code in _OF_MAILBOX and says_so


def error_of_connection(error: Exception) -> MailError:
    """Return the error for a connection that doesn't come to be, with TLS and login; nothing was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused_client(error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        missing = "login" if "AUTH" in str(error) else "STARTTLS"
        return MailSettingsError(f"The mail server offers no {missing}.", advice=_CHECK_TLS)
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        return MailSettingsError("The mail server offers no way to log in that smtplib knows.", advice=_CHECK_LOGIN)
    if isinstance(error, OSError):
        return _no_connection(error)
    if isinstance(error, UnicodeError):  # its text would show a part of the password
        return MailSettingsError("Host, login or password has a character that can't be sent.", advice=_CHECK_LOGIN)
    return MailSettingsError(
        f"The Airflow connection to the mail server can't be used: {shown(cause_of(error), _MAX_SAID)}.",
        advice="Fix it under Admin > Connections.",
    )


def connection_lost(error: Exception) -> MailTransientError:
    """Return the error for a connection that is lost, or too slow, before the text has begun to leave."""
    return MailTransientError(f"The connection to the mail server was lost before the mail was sent: {_cause(error)}.")


def answer_lost(reason: str) -> MailPossiblySentError:
    """Return the error for a text whose answer nobody knows."""
    return MailPossiblySentError(
        f"The mail's text had begun to leave, and no answer is known: {reason}.",
        advice="Find its Message-ID in the mail server's log, or ask the recipient, before you have it sent again.",
    )


def answer_lost_by(error: Exception) -> MailPossiblySentError:
    """Return the error for a connection that is lost, or too slow, after the text has begun to leave."""
    return answer_lost(_cause(error))


def _refused_client(error: smtplib.SMTPResponseException) -> MailError:
    """Return the error for a reply to the connection, to EHLO, STARTTLS or the login: it concerns all mails."""
    is_login = isinstance(error, smtplib.SMTPAuthenticationError)
    step = "the login" if is_login else "the connection"
    said = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
    message = f"{_answered(error.smtp_code, said, '')} to {step}."
    if 500 <= error.smtp_code < 600:
        return MailSettingsError(message, advice=_CHECK_LOGIN if is_login else _ASK_SERVER)
    return MailTransientError(message, advice=_ASK_SERVER)


def _no_connection(error: OSError) -> MailError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailSettingsError(
            f"The mail server's certificate is not trusted: {error.verify_message}.",
            advice="Check the connection's host, and that the worker trusts the authority that has issued it.",
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return MailSettingsError(f"No TLS with the mail server: {error.reason}.", advice=_CHECK_TLS)
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return MailSettingsError("The mail server's name is unknown.", advice=_CHECK_HOST)
    return MailTransientError(f"No connection to the mail server: {_cause(error)}.", advice=_CHECK_HOST)


def _answered(code: int, said: bytes, to: str) -> str:
    words = redacted(said.decode("ascii", errors="replace"), to)
    has_code = code >= 0  # smtplib's -1 stands for a reply without a number
    return f"The mail server answered {code if has_code else 'without a code'}{f' {words}' if words else ''}"


def redacted(text: str, to: str) -> str:
    """Return the plain words of a mail server's reply; what may be an address, a link or a part of one is ``…``."""
    of_address = _pieces(to)
    shown_words: list[str] = []
    for word in text.split():
        is_plain = _PLAIN_WORD.fullmatch(word) and not (_pieces(word) & of_address)
        if is_plain or shown_words[-1:] != ["…"]:
            shown_words.append(word if is_plain else "…")
    return shown(" ".join(shown_words), _MAX_SAID)


def _pieces(text: str) -> set[str]:
    """Return the runs of letters and digits in a text."""
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _cause(error: Exception) -> str:
    return shown(cause_of(error), _MAX_SAID)
