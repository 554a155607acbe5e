"""The ledger knows each mail before it leaves, so that none is begun twice, also by several processes at once."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.delivery_log import Delivery, DeliveryExistsError, DeliveryLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import DeliveryStatus, MailKind

from tests.support import databases, factories

TENANT = "acme.example.com"
PROCESSES = 4
MAILS = 25
TOGETHER = 0.3


def delivery(**changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "key": "ada",
        "created_at": 1_800_000_000.123456,
        "kind": MailKind.INVITATION,
        "number": 1,
        "status": DeliveryStatus.POSSIBLY_SENT,
        "begun_at": 1_800_000_060.25,
        "message_id": "<1@sender.example>",
        "run": "mail_sso_tickets/run-1",
        "installation": "blue",
        "error": "The task was ended.",
    }
    return Delivery(**{**values, **changes})


@pytest.fixture
def log(ledger: Ledger) -> DeliveryLog:
    return DeliveryLog(ledger.database, TENANT)


def test_a_mail_that_was_begun_counts_as_possibly_sent_until_it_is_finished(log: DeliveryLog) -> None:
    begun = delivery()
    log.begin(begun)
    assert log.of_prospects(["ada"]) == {"ada": [begun]}
    assert begun.may_have_arrived
    sent = replace(begun, status=DeliveryStatus.SENT, sent_at=1_800_000_061.5, error="")
    log.finish(sent)
    assert log.of_prospects(["ada"]) == {"ada": [sent]}


def test_a_mail_that_was_begun_is_not_begun_again_whatever_became_of_it(log: DeliveryLog) -> None:
    log.begin(delivery())
    for status in (DeliveryStatus.SENT, DeliveryStatus.REFUSED, DeliveryStatus.FAILED):
        finished = delivery(status=status)
        log.finish(finished)
        with pytest.raises(DeliveryExistsError):
            log.begin(delivery(run="mail_sso_tickets/run-2", installation="green", begun_at=1_900_000_000.0))
        assert log.of_prospects(["ada"]) == {"ada": [finished]}


@pytest.mark.parametrize(
    "other", [{"key": "bob"}, {"created_at": 1_800_000_000.123457}, {"kind": MailKind.REMINDER}, {"number": 2}]
)
def test_another_mail_is_begun_and_finished_for_itself(log: DeliveryLog, other: dict[str, Any]) -> None:
    first, second = delivery(), delivery(begun_at=1_800_000_099.0, **other)
    log.begin(first)
    log.begin(second)
    failed = replace(second, status=DeliveryStatus.FAILED, error="no connection")
    log.finish(failed)
    found = log.of_prospects(["ada", "bob", "nobody"])
    assert [one for key in ("ada", "bob") for one in found.get(key, [])] == [first, failed]


def test_the_mails_of_a_prospect_come_in_the_order_in_which_they_were_begun(log: DeliveryLog) -> None:
    times = {1: 30.0, 2: 10.0, 3: 20.0, 4: 20.0}
    for number in (4, 1, 3, 2):
        log.begin(delivery(number=number, begun_at=times[number]))
    assert [one.number for one in log.of_prospects(["ada"])["ada"]] == [2, 3, 4, 1]


def test_those_of_more_prospects_than_fit_into_a_query_are_found_and_those_of_another_tenant_are_not(
    log: DeliveryLog, ledger: Ledger
) -> None:
    keys = [f"prospect-{number}" for number in range(1_200)]
    for key in keys[::400]:
        log.begin(delivery(key=key))
    assert set(log.of_prospects(keys)) == set(keys[::400])
    assert DeliveryLog(ledger.database, "other.example.com").of_prospects(keys) == {}


def test_from_when_on_links_are_mailed_is_said_once_for_each_tenant(log: DeliveryLog, ledger: Ledger) -> None:
    other = DeliveryLog(ledger.database, "other.example.com")
    assert log.since() is None
    assert log.keep_since(1_800_000_000.125) == 1_800_000_000.125
    assert [log.keep_since(since) for since in (1.0, 1_900_000_000.0)] == [1_800_000_000.125] * 2
    assert (log.since(), other.since()) == (1_800_000_000.125, None)
    assert other.keep_since(5.0) == 5.0


def begin_together(url: str, fernet: str, process: int, start_at: float) -> tuple[list[int], float]:
    """Begin the same mails as others at the same moment; return which this process may send, and since when."""
    databases.use_fernet_key(fernet)
    mine = []
    with closing(open_ledger(url)) as ledger:
        log = DeliveryLog(ledger.database, TENANT)
        log.of_prospects(["ada"])  # it is connected
        time.sleep(max(0.0, start_at - time.time()))
        for number in range(MAILS):
            try:
                log.begin(delivery(number=number, run=f"mail_sso_tickets/run-{process}"))
            except DeliveryExistsError:
                continue
            mine.append(number)
        return mine, log.keep_since(float(process + 1))


def test_of_processes_that_begin_the_same_mails_at_once_one_may_send_each(
    ledger: Ledger, ledger_url: str, fernet: str
) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=factories.process_context()) as pool:
        list(pool.map(time.sleep, [TOGETHER] * PROCESSES))  # all are started
        start_at = time.time() + 2 * TOGETHER
        futures = [pool.submit(begin_together, ledger_url, fernet, one, start_at) for one in range(PROCESSES)]
        results = [future.result(60) for future in futures]
    assert sorted(number for mine, _ in results for number in mine) == list(range(MAILS))
    log = DeliveryLog(ledger.database, TENANT)
    assert {since for _, since in results} == {log.since()}
    runs = {one.number: one.run for one in log.of_prospects(["ada"])["ada"]}
    assert runs == {number: f"mail_sso_tickets/run-{one}" for one, (mine, _) in enumerate(results) for number in mine}
