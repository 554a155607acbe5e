"""The sandbox tenant in a process of its own."""

from __future__ import annotations

import json
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from dev.local.api import DIRECTLY, AirflowApi, ApiError
from dev.local.ports import free_port
from dev.local.tenant import LocalTenant

MAIL_VARIABLES = ("AIRFLOW_CONN_SMTP_DEFAULT", "SSO_TICKETS_MAIL_FROM")


def test_neither_it_nor_the_api_is_reached_through_the_environments_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    tenant = LocalTenant(tmp_path, free_port())
    tenant.start()
    try:
        with pytest.raises(ApiError, match="404"):
            AirflowApi(tenant.url, "admin", "")
    finally:
        tenant.stop()


def test_an_airflow_mails_to_its_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAIL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tenant = LocalTenant(tmp_path, free_port())
    env = tenant.mail_env()
    connection = json.loads(env["AIRFLOW_CONN_SMTP_DEFAULT"])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = env["SSO_TICKETS_MAIL_FROM"], "it@acme.example", "Set it up"
    tenant.start()
    try:
        with smtplib.SMTP(connection["host"], connection["port"], timeout=10) as client:
            client.send_message(mail)
        shown = DIRECTLY.open(tenant.outbox_url, timeout=10).read().decode()
    finally:
        tenant.stop()
    assert "<h2>Set it up</h2>" in shown


@pytest.mark.parametrize("variable", MAIL_VARIABLES)
def test_an_airflow_whose_mails_go_elsewhere_keeps_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in MAIL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "of a person")
    assert LocalTenant(tmp_path, free_port()).mail_env() == {}
