"""A mail server that keeps what it gets in the tenant's outbox, and sends nothing on."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.sandbox.tenant.outbox import Mail
from dev.sandbox.tenant.state import TenantState


class _Inbox:
    """Takes every mail."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Keep a mail, and say that it is accepted."""
        content = envelope.content or b""
        text = content.encode() if isinstance(content, str) else content
        self._tenant.outbox.append(Mail(str(envelope.mail_from), list(envelope.rcpt_tos), text))
        return "250 2.0.0 accepted"


async def serve_mail(tenant: TenantState, host: str, port: int) -> asyncio.Server:
    """
    Take mails for a tenant on the loop that runs, without TLS or a login.

    :raises OSError: if the port is taken.
    """
    inbox = _Inbox(tenant)
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SMTP(inbox, hostname="sandbox.example", loop=loop), host, port)
