"""After all other runs: no ticket, token or secret in any log, label or link."""

from __future__ import annotations

import re

import pytest

from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from tests.e2e.runs import HOME, Trigger, csv_of

TICKET = re.compile(r"ticket=[A-Za-z0-9]{16,}")


@pytest.fixture
def logs(airflow: AirflowApi) -> dict[str, str]:
    return {str(file.relative_to(HOME)): file.read_text(errors="replace") for file in HOME.rglob("*.log")}


def test_no_log_holds_a_ticket_a_token_or_a_secret(trigger: Trigger, logs: dict[str, str], tenant: Sandbox) -> None:
    ids = {ticket.id for ticket in tenant.tickets}
    leaks = {
        name: "ticket" if TICKET.search(text) or any(ticket in text for ticket in ids) else "secret"
        for name, text in logs.items()
        if TICKET.search(text) or tenant.client_secret in text or any(ticket in text for ticket in ids) or "eyJ" in text
    }
    assert len(logs) > 20
    assert leaks == {}


def test_the_search_would_find_a_planted_ticket() -> None:
    assert TICKET.search("GET https://t.example/self-service/connections-flow?ticket=" + "a1" * 16)


def test_no_label_or_rendered_field_holds_a_ticket(trigger: Trigger, airflow: AirflowApi) -> None:
    run = trigger(prospects_csv=csv_of(2, 2, "labels"))
    instances = run.tasks()
    assert any(ti["rendered_map_index"] for ti in instances)
    assert not TICKET.search(str(instances))
