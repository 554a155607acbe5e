"""The sandbox's HTML pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Final

from dev.sandbox.tenant.outbox import Mail
from dev.sandbox.tenant.settings import SandboxSettings
from dev.sandbox.tenant.stats import Stats

_STYLE: Final = """
body{margin:0;background:#f4f5f7;color:#1e212a;font:16px/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:12vh auto;padding:2rem 2.5rem;background:#fff;border-radius:12px;
box-shadow:0 1px 3px #0002}
h1{margin:0 0 .5rem;font-size:1.4rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1.5rem}
dt{color:#65676e}dd{margin:0;font-variant-numeric:tabular-nums}
button,select{margin:1rem .5rem 0 0;padding:.7rem 1.4rem;border:0;border-radius:8px;background:#3f59e4;color:#fff;
font:inherit;cursor:pointer}select{background:#e4e6eb;color:inherit}
article{margin-top:1.5rem;border-top:1px solid #dfe3e8;padding-top:.5rem}h2{font-size:1.1rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}
footer{margin-top:1.5rem;color:#65676e;font-size:.85rem}
"""
# Links in mails are credentials: a page with one must not reach a cache, nor its address the next site.
PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_ADDRESS: Final = re.compile(r"(https?://[^\s<>\"']+)")
_NO_CLIENTS: Final = "It names no applications, so the connection can be set up, but not enabled here."
_NOT_ENABLED: Final = "The connection is not enabled: somebody must enable it in the tenant by hand."
_TEXTS: Final = {
    "live": ("Set up single sign-on", "This link is valid."),
    "finished": ("Setup is finished", "The connection exists. There is nothing left to do with this link."),
    "expired": ("This link has expired", "Request a new one."),
    "used_up": ("This link is used up", "It was opened as often as it can be. Request a new one."),
    "revoked": ("This link was revoked", "A newer link may have replaced it."),
    "unknown": ("This link is unknown", "It may be mistyped. A sandbox that was restarted has forgotten its links."),
    "conflict": ("This connection exists already", "A connection with this name was set up by another link."),
    "left": ("Setup is not finished", "You have left it. The link can be opened again."),
    "no_clients": ("The connection can't be enabled", _NO_CLIENTS),
    "domains_pending": ("The connection can't be enabled", "Its domains must be verified first."),
}


def ticket_page(
    state: str,
    facts: Mapping[str, str] = MappingProxyType({}),
    buttons: Mapping[str, str] = MappingProxyType({}),
    strategies: Sequence[str] = (),
    *,
    can_enable: bool = True,
) -> str:
    """
    Return the page behind a ticket URL.

    :param state: the ticket's state, ``unknown``, or how a step ended
    :param facts: what to show of the ticket, label to value
    :param buttons: the steps that can be taken, label to step
    :param strategies: the kinds of identity providers to choose from
    :param can_enable: whether the connection is enabled, or will be
    """
    title, text = _TEXTS[state]
    hints = {} if can_enable else {"live": _NO_CLIENTS, "finished": _NOT_ENABLED}
    options = "".join(f"<option>{escape(strategy)}</option>" for strategy in strategies)
    choice = f'<select name="strategy" aria-label="Identity provider">{options}</select>' if options else ""
    steps = "".join(f'<button name="step" value="{step}">{label}</button>' for label, step in buttons.items())
    form = f'<form method="post">{choice}{steps}</form>' if steps else ""
    return _page(title, f"<p>{text} {hints.get(state, '')}</p>", facts, form)


def home_page(settings: SandboxSettings, stats: Stats, mails: int) -> str:
    """Return the sandbox's front page: what it is, its plan, its counters, and how many mails are in its outbox."""
    limit = settings.limit
    facts = {
        "Plan": f"{settings.plan_name}: {limit.size} at once, {limit.refill:g} a second",
        "Tickets created": str(stats.tickets),
        "Tickets revoked": str(stats.revoked),
        "Connections set up": f"{stats.connections}, of which {stats.enabled_connections} "
        f"{'is' if stats.enabled_connections == 1 else 'are'} enabled",
        "Management API calls": str(stats.requests),
        "Refused with 429": str(stats.rate_limited),
        "Peak, calls in a second": f"{stats.peak_rate}, of which {stats.peak_accepted_rate} were accepted",
        "Tokens issued": str(stats.tokens_issued),
        "Mails in the outbox": f"{mails:,}",
    }
    text = (
        "<p>A local server that behaves like an Auth0 tenant. Nothing here is real.</p>"
        '<p><a href="/_sandbox/outbox">Outbox</a></p>'
    )
    return _page("Sandbox tenant", text, facts, "<script>setTimeout(()=>location.reload(),2000)</script>")


def outbox_page(mails: Iterable[Mail]) -> str:
    """Return the page with the mails that the mail server has accepted, in that order, as texts whose links work."""
    texts = "".join(map(_mail, mails)) or "<p>No mail has come.</p>"
    return _page("Outbox", f'<p>These mails went no further. <a href="/">Back</a></p>{texts}', {}, "")


def _mail(mail: Mail) -> str:
    message = mail.message
    body = message.get_body(("plain",))
    text = str(body.get_content()) if body is not None else ""
    head = {"To": ", ".join(mail.recipients), "From": message["From"], "Date": message["Date"]}
    facts = "".join(f"<dt>{name}</dt><dd>{escape(str(value or ''))}</dd>" for name, value in head.items())
    title = escape(str(message["Subject"] or "(no subject)"))
    return f"<article><h2>{title}</h2><dl>{facts}</dl><pre>{_with_links(text)}</pre></article>"


def _with_links(text: str) -> str:
    """Return a text as HTML, with its addresses as links."""
    parts = _ADDRESS.split(text)  # every second one is an address
    return "".join(
        f'<a href="{escape(part)}" rel="noreferrer">{escape(part)}</a>' if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def _page(title: str, text: str, facts: Mapping[str, str], end: str) -> str:
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f"<main><h1>{title}</h1>{text}<dl>{rows}</dl>{end}<footer>Sandbox tenant</footer></main></html>"
    )
