"""A CSV that changes from run to run, and runs that are cleared: from the CSV to the report, with the sandbox."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.hooks.auth0 import CREATE_SCOPE
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import OPEN_SECONDS, Outcome
from auth0_sso.tickets.batch import read_batch

from dev.sandbox.server import Sandbox
from include import reports
from include.files import write_batches
from include.prospects import load_prospects, plan_batches, read_rows, write_manifest
from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN
from tests.unit.auth0_sso.conftest import Connect, RunTenant

HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name,domains"
ADA = "org_1,Acme,Ada,ada@acme.example,acme,acme.example"
BOB = "org_2,Globex,Bob,bob@globex.example,,globex.example"
CAT = "org_3,Initech,Cat,cat@initech.example,initech,"
FIRST_RUN_CLEARED = replace(FIRST_RUN, number=7)
REVOKING_RUN = "revoke_sso_tickets/run-1"

Rows = list[Outcome]

pytestmark = pytest.mark.usefixtures("auth0_connection")


@dataclass
class Runs:
    """Runs of CSVs, each as its report shows it."""

    folder: Path
    ledger: Ledger
    tenant: Sandbox

    def __post_init__(self) -> None:
        self.reported: Rows = []

    def run(
        self,
        attempt: RunAttempt,
        *lines: str,
        files: dict[str, str] | None = None,
        most: int = 1,
        default_ttl_sec: int = 0,
        **options: Any,
    ) -> Rows:
        """Run a CSV of these lines, or a folder of files, in at most ``most`` tasks; return the report's rows."""
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text)
        found = load_prospects(
            self.folder, text="\n".join([HEAD, *lines]) if lines else "", default_ttl_sec=default_ttl_sec
        )
        batches = write_batches(plan_batches(found, most), self.folder)
        outcomes = [factories.issue(read_batch(batch["batch"]), self.ledger, attempt, **options) for batch in batches]
        reported = [outcome for by_row in outcomes for outcome in by_row.values()]
        manifest, sha256 = write_manifest(found, self.folder / "plan")
        read = read_rows(Path(manifest), sha256)
        outcomes_of_rows = map(Outcome.from_dict, reported)
        rows = reports.join_rows(read.requests, read.invalid, outcomes_of_rows, "nothing was sent")
        self.reported += rows
        return rows


@pytest.fixture
def runs(sqlite_ledger: Ledger, tmp_path: Path, tenant: Sandbox) -> Runs:
    folder = tmp_path / "run"
    folder.mkdir()
    return Runs(folder, sqlite_ledger, tenant)


@pytest.fixture(autouse=True)
def audit(runs: Runs) -> Iterator[None]:
    """At the end of each test, every ticket that was created is in a report, except as many as the reports flag."""
    yield
    known = {row.ticket_id for row in runs.reported}
    unseen = [ticket for ticket in runs.tenant.tickets if ticket.id not in known]
    assert runs.tenant.tickets
    assert len(unseen) <= sum(row.duplicate_possible for row in runs.reported)


def statuses(rows: Rows) -> list[str]:
    return [row.status for row in rows]


def links(rows: Rows) -> dict[str, str]:
    return {row.prospect_email: row.ticket_id for row in rows}


def states(tenant: Sandbox) -> list[str]:
    return [ticket.state for ticket in tenant.tickets]


def expire_all(ledger: Ledger, ago: float) -> None:
    for entry in ledger.live_entries():
        factories.expire(ledger, entry, ago)


def revoke_all(ledger: Ledger) -> None:
    for entry in ledger.live_entries():
        ledger.record_revoked(ledger.record_revoking(entry, REVOKING_RUN))


def begin_to_revoke_all(ledger: Ledger) -> None:
    """Record the intents only, as if the answers to the revocations were lost."""
    for entry in ledger.live_entries():
        ledger.record_revoking(entry, REVOKING_RUN)


@pytest.mark.answers("a row is gone from the CSV")
def test_the_link_of_a_row_that_is_gone_stays_valid_and_is_not_reported(runs: Runs, tenant: Sandbox) -> None:
    first = runs.run(FIRST_RUN, ADA, BOB)
    second = runs.run(SECOND_RUN, ADA)
    assert links(second) == {"ada@acme.example": links(first)["ada@acme.example"]}
    assert states(tenant) == ["live", "live"]


@pytest.mark.answers("a row's request has changed")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ADA, ADA.replace(",acme.example", ",acme.example;acme.test"), id="its domains"),
        pytest.param(BOB, BOB.replace("Globex", "Globex Corp"), id="a name that the connection's is made from"),
    ],
)
def test_a_changed_rows_old_link_is_revoked_and_a_new_one_made(
    runs: Runs, tenant: Sandbox, before: str, after: str
) -> None:
    runs.run(FIRST_RUN, before, CAT)
    assert statuses(runs.run(SECOND_RUN, after, CAT)) == ["created", "reused"]
    assert sorted(states(tenant)) == ["live", "live", "revoked"]


@pytest.mark.answers("rows are in another order, an organization or a person has another name")
def test_order_and_names_change_no_link(runs: Runs, tenant: Sandbox) -> None:
    first = runs.run(FIRST_RUN, ADA, BOB, CAT)
    second = runs.run(SECOND_RUN, CAT, ADA.replace("Acme,Ada", "Acme Corp,Ada Lovelace"), BOB)
    assert statuses(second) == ["reused"] * 3
    assert links(second) == links(first)
    assert (second[1].organization_name, second[1].prospect_name) == ("Acme Corp", "Ada Lovelace")


@pytest.mark.answers("rows are in another order, an organization or a person has another name")
def test_the_order_of_rows_that_repeat_a_prospect_with_other_data_changes_no_link(runs: Runs, tenant: Sandbox) -> None:
    other = ADA.replace(",acme.example", ",acme.example;acme.test")
    first = runs.run(FIRST_RUN, ADA, other)
    second = runs.run(SECOND_RUN, other, BOB, ADA)
    assert statuses(first) == ["created", "reused"]
    assert statuses(second) == ["reused", "created", "reused"]
    assert links(second)["ada@acme.example"] == links(first)["ada@acme.example"]
    repeats = "Repeats row 3: one prospect, one ticket. What differs from that row is not requested."
    assert [row.error for row in second] == [repeats, "", ""]
    assert states(tenant) == ["live", "live"]


@pytest.mark.answers("a row has changed in a way that means nothing, or in its lifetime alone")
@pytest.mark.parametrize(
    "after",
    [
        ADA.replace("acme.example;b.example", "b.example;acme.example"),
        ADA.replace(",acme.example", ",acme.example;ACME.example"),
        ADA.replace(",acme.example", ",Acme.Example"),
    ],
    ids=["another order", "a domain twice", "a capital"],
)
def test_a_change_that_means_nothing_keeps_the_link(runs: Runs, tenant: Sandbox, after: str) -> None:
    before = ADA.replace(",acme.example", ",acme.example;b.example") if "b.example" in after else ADA
    first = runs.run(FIRST_RUN, before)
    second = runs.run(SECOND_RUN, after)
    assert (statuses(second), links(second)) == (["reused"], links(first))
    assert (tenant.stats().requests, states(tenant)) == (1, ["live"])


@pytest.mark.answers("a row has changed in a way that means nothing, or in its lifetime alone")
def test_a_lifetime_is_for_new_links_only(runs: Runs, tenant: Sandbox) -> None:
    third = replace(SECOND_RUN, run="create_sso_tickets/run-3", run_after=SECOND_RUN.run_after + 60)
    first = runs.run(FIRST_RUN, ADA, default_ttl_sec=86_400)
    for attempt, lifetime in ((SECOND_RUN, 0), (third, 86_400)):
        again = runs.run(attempt, ADA, BOB, default_ttl_sec=lifetime)
        assert (again[0].status, again[0].ticket_id) == ("reused", first[0].ticket_id)
    assert states(tenant) == ["live", "live"]
    assert [ticket.body.get("ttl_sec") for ticket in tenant.tickets] == [86_400, None]


@pytest.mark.answers("rows are in another order, an organization or a person has another name")
def test_a_connection_name_that_is_written_out_as_it_would_be_by_default_changes_no_link(
    runs: Runs, tenant: Sandbox
) -> None:
    without = ADA.replace(",acme,", ",,")
    first = runs.run(FIRST_RUN, without)
    second = runs.run(SECOND_RUN, ADA, without)
    assert statuses(second) == ["reused"] * 2
    assert links(second) == links(first)
    assert states(tenant) == ["live"]


@pytest.mark.answers("rows are in another order, an organization or a person has another name")
def test_a_name_that_is_written_out_to_keep_it_when_the_organization_is_renamed_changes_no_link(
    runs: Runs, tenant: Sandbox
) -> None:
    first = runs.run(FIRST_RUN, ADA.replace(",acme,", ",,"))
    second = runs.run(SECOND_RUN, ADA.replace("Acme,", "Acme Corp,"))
    assert (statuses(second), links(second)) == (["reused"], links(first))
    assert states(tenant) == ["live"]


@pytest.mark.answers("the `connection_name` of a row has changed")
def test_another_connection_is_another_setup_and_the_old_link_stays_valid(runs: Runs, tenant: Sandbox) -> None:
    runs.run(FIRST_RUN, ADA)
    assert statuses(runs.run(SECOND_RUN, ADA.replace(",acme,", ",acme-oidc,"))) == ["created"]
    assert states(tenant) == ["live", "live"]


@pytest.mark.answers("an organization's rows stand in several files of a folder")
def test_an_organization_split_over_files_is_one_batch(runs: Runs, tenant: Sandbox) -> None:
    dan = ADA.replace("Ada", "Dan").replace("ada@", "dan@").replace(",acme,", ",acme-two,")
    rows = runs.run(FIRST_RUN, files={"a.csv": f"{HEAD}\n{ADA}\n{BOB}", "b.csv": f"{HEAD}\n{dan}"}, most=128)
    assert [(row.row, row.source, row.status) for row in rows] == [
        (1, "a.csv", "created"),
        (2, "a.csv", "created"),
        (3, "b.csv", "created"),
    ]
    assert len(list((runs.folder / "plan").glob("batch-*.json"))) == 2


@pytest.mark.answers("a prospect stands twice in the CSV, or in two files")
@pytest.mark.parametrize("most", [128, 1], ids=["a task an organization", "packed into one task"])
@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.csv": f"{HEAD}\n{ADA}\n{BOB}\n{ADA}"}, id="one file"),
        pytest.param({"a.csv": f"{HEAD}\n{ADA}\n{BOB}", "b.csv": f"{HEAD}\n{ADA}"}, id="two files"),
    ],
)
def test_a_prospect_that_stands_twice_gets_one_link_and_the_second_row_names_the_first(
    runs: Runs, tenant: Sandbox, files: dict[str, str], most: int
) -> None:
    rows = runs.run(FIRST_RUN, files=files, most=most)
    assert statuses(rows) == ["created", "created", "reused"]
    assert rows[2].error == "Repeats row 1: one prospect, one ticket."
    assert rows[2].ticket_id == rows[0].ticket_id
    assert tenant.stats().tickets == 2


@pytest.mark.answers("two DAGs request tickets for the same prospects at once")
@pytest.mark.parametrize(
    "other",
    [RunAttempt("a_copy/run-1", 3, FIRST_RUN.run_after), replace(FIRST_RUN, installation="another Airflow")],
    ids=["two DAGs", "two Airflows with equal run ids"],
)
def test_runs_of_two_dags_or_airflows_at_once_give_nobody_two_links(
    runs: Runs, ledger: Ledger, tenant: Sandbox, other: RunAttempt
) -> None:
    wanted = factories.organizations(20)
    issuers = [factories.issuer(wanted, ledger, attempt, reissue=True) for attempt in (FIRST_RUN, other)]

    async def both() -> None:
        await asyncio.gather(*(one.run() for one in issuers))

    asyncio.run(both())
    one, two = (factories.by_row(each.results()) for each in issuers)
    assert {row: outcome["ticket_id"] for row, outcome in one.items()} == {
        row: outcome["ticket_id"] for row, outcome in two.items()
    }
    assert all({one[row]["status"], two[row]["status"]} == {"created", "reused"} for row in one)
    assert tenant.stats().states == {"live": 20}
    runs.reported += [Outcome(row=row, ticket_id=outcome["ticket_id"]) for row, outcome in one.items()]


@pytest.mark.answers("a run is cleared when a later one has run since")
@pytest.mark.parametrize("on_existing", ["reuse", "reissue"])
def test_an_older_run_leaves_a_later_runs_links_alone_and_says_so(
    runs: Runs, tenant: Sandbox, on_existing: str
) -> None:
    runs.run(FIRST_RUN, ADA, BOB)
    later = runs.run(SECOND_RUN, ADA.replace(",acme.example", ",acme.test"), BOB, reissue=True)
    before = tenant.stats().requests
    rows = runs.run(FIRST_RUN_CLEARED, ADA, BOB, reissue=on_existing == "reissue")
    assert statuses(rows) == ["reused", "reused"]
    assert links(rows) == links(later)
    assert f"created by the later run {SECOND_RUN.run} from a row with other data" in rows[0].error
    assert rows[1].error == ""
    assert tenant.stats().requests == before


@pytest.mark.answers("a run is cleared whose links are still valid")
def test_a_cleared_run_keeps_its_links(runs: Runs, tenant: Sandbox) -> None:
    first = runs.run(FIRST_RUN, ADA, BOB)
    assert runs.run(FIRST_RUN_CLEARED, ADA, BOB) == first
    assert tenant.stats().tickets == 2


@pytest.mark.answers("a run is cleared whose links have expired")
def test_a_run_cleared_after_its_links_have_expired_makes_one_new_link_each(runs: Runs, tenant: Sandbox) -> None:
    runs.run(FIRST_RUN, ADA, BOB)
    expire_all(runs.ledger, ago=OPEN_SECONDS + 60)
    rows = runs.run(FIRST_RUN_CLEARED, ADA, BOB)
    assert [(row.status, row.attempts, row.duplicate_possible) for row in rows] == [("created", 2, False)] * 2
    assert runs.run(FIRST_RUN_CLEARED, ADA, BOB) == rows
    assert tenant.stats().tickets == 4


@pytest.mark.answers("a link has expired less than five hours ago")
def test_a_link_that_may_have_been_opened_just_before_it_expired_is_revoked_first(runs: Runs, tenant: Sandbox) -> None:
    runs.run(FIRST_RUN, ADA)
    expire_all(runs.ledger, ago=60)
    (row,) = runs.run(SECOND_RUN, ADA)
    assert (row.status, row.duplicate_possible) == ("created", False)
    assert states(tenant) == ["revoked", "live"]


@pytest.mark.answers("a link has expired less than five hours ago")
def test_without_the_scope_to_revoke_it_the_row_says_that_two_links_may_work(
    runs: Runs, run_tenant: RunTenant, connect: Connect
) -> None:
    runs.tenant = tenant = run_tenant(scopes=(CREATE_SCOPE,))
    connect(tenant)
    runs.run(FIRST_RUN, ADA)
    expire_all(runs.ledger, ago=60)
    (row,) = runs.run(SECOND_RUN, ADA)
    assert (row.status, row.duplicate_possible) == ("created", True)
    assert states(tenant) == ["live", "live"]


@pytest.mark.answers("a link was opened, and its five hours are over")
def test_a_link_that_was_opened_and_not_used_is_reused_until_it_expires_unless_it_is_reissued(
    runs: Runs, run_tenant: RunTenant, connect: Connect
) -> None:
    runs.tenant = tenant = run_tenant(open_lifetime=0.01)
    connect(tenant)
    (first,) = runs.run(FIRST_RUN, ADA)
    urllib.request.urlopen(first.ticket_url).close()
    time.sleep(0.02)
    assert states(tenant) == ["expired"]
    assert statuses(runs.run(FIRST_RUN_CLEARED, ADA)) == ["created"], (
        "no endpoint returns a ticket, and the tenant's logs are not read"
    )
    assert statuses(runs.run(SECOND_RUN, ADA, reissue=True)) == ["created"]
    assert states(tenant)[-1] == "live"


@pytest.mark.answers("a run that reissues is tried again, or cleared")
@pytest.mark.parametrize("again", [SECOND_RUN, replace(SECOND_RUN, number=7)], ids=["a retry", "a clear"])
def test_a_run_reissues_once_however_often_it_is_tried(runs: Runs, tenant: Sandbox, again: RunAttempt) -> None:
    runs.run(FIRST_RUN, ADA, BOB)
    second = runs.run(SECOND_RUN, ADA, BOB, reissue=True)
    assert runs.run(again, ADA, BOB, reissue=True) == second
    assert sorted(states(tenant)) == ["live", "live", "revoked", "revoked"]


@pytest.mark.answers("links are revoked while the run that makes them is still running")
@pytest.mark.parametrize("how", [revoke_all, begin_to_revoke_all])
@pytest.mark.parametrize("again", [FIRST_RUN_CLEARED, SECOND_RUN], ids=["a clear", "another run"])
def test_a_retry_makes_no_link_again_that_a_person_has_revoked_but_a_clear_or_another_run_does(
    runs: Runs, tenant: Sandbox, how: Callable[[Ledger], None], again: RunAttempt
) -> None:
    (first,) = runs.run(FIRST_RUN, ADA)
    how(runs.ledger)
    (row,) = runs.run(FIRST_RUN, ADA)
    assert (row.status, row.ticket_url) == ("failed", "")
    assert row.error == (
        f"Its link was revoked by {REVOKING_RUN}. If another one is wanted, clear this task or run again."
    )
    assert tenant.stats().tickets == 1
    (row,) = runs.run(again, ADA)
    assert row.status == "created"
    assert row.ticket_id != first.ticket_id


@pytest.mark.answers("a run is deleted, and another is triggered with its id")
def test_a_run_with_the_id_of_a_deleted_one_is_another_run(runs: Runs) -> None:
    runs.run(FIRST_RUN, ADA, BOB)
    rows = runs.run(replace(FIRST_RUN, run_after=SECOND_RUN.run_after), ADA, BOB)
    assert [row.status for row in rows] == ["reused", "reused"]
    assert factories.posts(runs.tenant) == 2
