"""A person and a connection are one prospect, with the connection in the prospect's name or without."""

from __future__ import annotations

from auth0_sso.ledger.records import Entry, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import SsoTicket, TicketRequest
from auth0_sso.tickets.batch import group_requests, recognized

from tests.support.factories import FIRST_RUN, SPEC, request

SHORT, LONG = "ada@acme.example", "ada@acme.example|acme"


def spec(prospect: str, connection: str = "acme", row: int = 1, **changes: str) -> TicketSpec:
    return TicketSpec(request(row, name=connection, prospect=prospect, **changes), SPEC.tenant, SPEC.profile_id)


def known(ledger: Ledger, one: TicketSpec) -> Entry:
    intent = ledger.begin(one, None, FIRST_RUN, answer_within=30)
    ticket = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t1")
    return ledger.record_created(intent, ticket, sent_at=ledger.now(), ttl=60)


def prospects(ledger: Ledger, *specs: TicketSpec) -> list[str]:
    return [one.request.prospect for one in recognized(ledger, specs)]


def test_the_form_that_the_ledger_has_for_the_connection_counts(sqlite_ledger: Ledger) -> None:
    known(sqlite_ledger, spec(LONG))
    assert prospects(sqlite_ledger, spec(SHORT)) == [LONG]
    assert prospects(sqlite_ledger, spec(LONG)) == [LONG]
    known(sqlite_ledger, spec("bob"))
    assert prospects(sqlite_ledger, spec("bob|acme")) == ["bob"]


def test_an_entry_for_another_connection_is_another_setup(sqlite_ledger: Ledger) -> None:
    known(sqlite_ledger, spec(SHORT, "acme"))
    assert prospects(sqlite_ledger, spec(f"{SHORT}|acme-oidc", "acme-oidc")) == [f"{SHORT}|acme-oidc"]


def test_a_new_default_name_finds_the_prospect_who_has_named_it_before(sqlite_ledger: Ledger) -> None:
    known(sqlite_ledger, spec(SHORT, "acme"))
    known(sqlite_ledger, spec(f"{SHORT}|acme-corp", "acme-corp"))
    assert prospects(sqlite_ledger, spec(SHORT, "acme-corp")) == [f"{SHORT}|acme-corp"]


def test_a_new_default_name_that_nobody_has_named_is_the_same_prospects(sqlite_ledger: Ledger) -> None:
    known(sqlite_ledger, spec(SHORT, "acme"))
    assert prospects(sqlite_ledger, spec(SHORT, "acme-corp")) == [SHORT]


def test_two_rows_of_one_run_in_both_forms_are_one_prospect(sqlite_ledger: Ledger) -> None:
    for pair in ((SHORT, LONG), (LONG, SHORT)):
        (group,) = group_requests(recognized(sqlite_ledger, [spec(one, row=row) for row, one in enumerate(pair, 1)]))
        assert [one.request.prospect for one in group.specs] == [SHORT, SHORT]
    (_, _) = group_requests(recognized(sqlite_ledger, [spec(SHORT), spec(LONG, row=2, organization="org_2")]))


def test_a_ticket_that_edits_a_connection_is_for_that_one(sqlite_ledger: Ledger) -> None:
    edit = TicketRequest(organization_id="org_1", body={"connection_id": "con_1"}, prospect="ada|con_1")
    one = TicketSpec(edit, SPEC.tenant, SPEC.profile_id)
    entry = known(sqlite_ledger, one)
    assert (entry.connection_name, entry.person) == ("con_1", "ada")
    assert prospects(sqlite_ledger, one) == ["ada|con_1"]
