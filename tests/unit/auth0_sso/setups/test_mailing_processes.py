"""Tasks that mail links are killed again and again: nobody is mailed twice, and nobody is lost without a flag."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.context import ForkServerProcess

import pytest
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DeliveryStatus, MailPlan
from auth0_sso.setups.mailing import mail_outcomes, plan_mails
from sqlalchemy import make_url

from tests.support import databases, factories, mailing
from tests.support.mail_server import MailServer, Place
from tests.support.mailing import OPTIONS, TENANT, add_prospects, kept, send_planned
from tests.support.waiting import wait_until

PROSPECTS = [f"prospect{number}" for number in range(30)]
MIN_KILLS = 3
LEDGER_VARIABLES = ("SSO_TICKETS_LEDGER", "AIRFLOW_CONN_SSO_TICKETS_DB")
TOGETHER = 0.3


@pytest.fixture
def ledger_of_tasks(ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Return a ledger, on each database, that is also the one of the environment."""
    url = make_url(ledger_url)
    if url.get_backend_name() == "sqlite":
        monkeypatch.setenv("SSO_TICKETS_LEDGER", url.database or "")
    else:
        as_airflow = ledger_url.replace("postgresql+psycopg2://", "postgres://")
        monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", as_airflow)
    return ledger


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as running:
        monkeypatch.setenv(mailing.SMTP_VARIABLE, mailing.smtp_connection(running.port))
        yield running


def environment() -> dict[str, str]:
    """Return what a task's process needs of this one's environment."""
    names = (mailing.SMTP_VARIABLE, *LEDGER_VARIABLES)
    return {name: os.environ[name] for name in names if name in os.environ}


def send_as_task(fernet: str, environment: dict[str, str], plan: MailPlan, start_at: float = 0.0) -> None:
    """Send what was planned, and go on after SIGTERM as a task of Airflow does, which only calls ``on_kill``."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    databases.use_fernet_key(fernet)
    os.environ.update(environment)
    time.sleep(max(0.0, start_at - time.time()))
    send_planned(1, plan)


def start_task(fernet: str, plan: MailPlan) -> ForkServerProcess:
    process = factories.process_context().Process(target=send_as_task, args=(fernet, environment(), plan))
    process.start()
    return process


def mailed(server: MailServer) -> Counter[str]:
    """Return how many mails each prospect has got."""
    return Counter(to.partition("@")[0] for mail in list(server.mails) for to in mail.recipients)


def kill_at_random(process: ForkServerProcess, server: MailServer, chance: random.Random) -> bool:
    """Kill a task after some commands; return whether it was killed, and did not end by itself."""
    commands = len(server.commands) + chance.randint(1, 20)
    wait_until(lambda: len(server.commands) >= commands or not process.is_alive())
    time.sleep(chance.uniform(0, 0.01))
    if chance.random() < 0.5:  # as Airflow does: SIGTERM first
        process.terminate()
        time.sleep(chance.uniform(0, 0.01))
    process.kill()
    process.join(20)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_nobody_is_mailed_twice_and_nobody_is_lost_without_a_flag(
    ledger_of_tasks: Ledger, server: MailServer, fernet: str, seed: int
) -> None:
    chance = random.Random(seed)
    add_prospects(ledger_of_tasks, *PROSPECTS)
    plan = plan_mails(TENANT, OPTIONS)
    kills = 0
    while kill_at_random(start_task(fernet, plan), server, chance):
        kills += 1
    assert kills >= MIN_KILLS
    wait_until(lambda: not server.open_connections)

    got = mailed(server)
    rows, _ = mail_outcomes(plan, mailing.attempt(1))
    statuses = {row.connection_name: row.status for row in rows}
    flagged = {name for name, status in statuses.items() if status == DeliveryStatus.POSSIBLY_SENT}
    assert set(got.values()) == {1}, "nobody is mailed twice"
    assert {name for name, status in statuses.items() if status == DeliveryStatus.SENT} == set(PROSPECTS) - flagged
    assert set(PROSPECTS) - flagged <= got.keys(), "nobody is lost without a flag"
    assert len(flagged) <= kills, "at most what was under way at a kill is flagged"

    mailing.mail_all(2, OPTIONS)
    assert mailed(server) == got, "a later run repeats nothing"


@pytest.mark.parametrize("resend", [False, True])
def test_two_tasks_that_send_the_same_plan_at_once_mail_everybody_once(
    ledger_of_tasks: Ledger, server: MailServer, fernet: str, resend: bool
) -> None:
    add_prospects(ledger_of_tasks, *PROSPECTS)
    plan = plan_mails(TENANT, replace(OPTIONS, resend=resend))
    with ProcessPoolExecutor(2, mp_context=factories.process_context()) as pool:
        list(pool.map(time.sleep, [TOGETHER] * 2))  # both are started
        arguments = (fernet, environment(), plan, time.time() + TOGETHER)
        for future in [pool.submit(send_as_task, *arguments) for _ in range(2)]:
            future.result(60)
    assert mailed(server) == dict.fromkeys(PROSPECTS, 1)
    assert {one.status for mails in kept(ledger_of_tasks, *PROSPECTS).values() for one in mails} == {"sent"}


@pytest.mark.parametrize(
    ("place", "arrives"),
    [(Place.GREETING, False), (Place.RCPT, False), (Place.IN_TEXT, False), (Place.AFTER_TEXT, True)],
)
def test_a_task_that_is_killed_while_the_server_is_silent_leaves_a_flag_and_the_next_try_sends_the_others(
    ledger_of_tasks: Ledger, server: MailServer, fernet: str, place: Place, arrives: bool
) -> None:
    names = PROSPECTS[:3]
    add_prospects(ledger_of_tasks, *names)
    plan = plan_mails(TENANT, OPTIONS)
    server.fault(place, stalls=True, times=1)
    process = start_task(fernet, plan)
    wait_until(lambda: not server.has_fault(place))
    process.kill()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    send_planned(1, plan)
    rows, _ = mail_outcomes(plan, mailing.attempt(1))
    assert Counter(row.status for row in rows) == {"possibly_sent": 1, "sent": 2}
    assert sorted(mailed(server).values()) == ([1, 1, 1] if arrives else [1, 1])
