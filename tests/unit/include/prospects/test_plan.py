"""The plan: every prospect once, organizations whole, batches even."""

from __future__ import annotations

import pytest
from auth0_sso.models import TicketRequest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from include.files import write_batches
from include.prospects import Prospects, plan_batches


def prospect(row, organization_id, organization_name=""):
    body = {"enabled_organizations": [{"organization_id": organization_id}]}
    return TicketRequest(
        row=row,
        source="a.csv",
        organization_id=organization_id,
        organization_name=organization_name,
        connection_name="c",
        body=body,
    )


def of_organizations(numbers):
    """Return prospects of organizations given by number, in row order."""
    return Prospects([prospect(row, f"org_{number}") for row, number in enumerate(numbers, 1)])


def load_of(batch):
    return sum(len(organization.requests) for organization in batch.organizations)


inputs = st.lists(st.integers(1, 30), max_size=120).map(of_organizations)


@settings(deadline=None)
@given(inputs, st.integers(1, 40))
def test_every_prospect_is_planned_once_with_its_whole_organization(loaded, most):
    batches = plan_batches(loaded, most)
    organizations = [organization for batch in batches for organization in batch.organizations]
    requests = [request for organization in organizations for request in organization.requests]
    assert len(batches) <= most
    assert sorted(requests, key=lambda request: request.row) == loaded.valid
    assert len({organization.organization_id for organization in organizations}) == len(organizations)
    assert all(batch.organizations for batch in batches)
    for organization in organizations:
        assert {request.organization_id for request in organization.requests} == {organization.organization_id}
        rows = [request.row for request in organization.requests]
        assert rows == sorted(rows)


@settings(deadline=None)
@given(inputs.filter(lambda loaded: loaded.valid), st.integers(1, 40))
def test_packed_batches_differ_by_no_more_than_the_largest_organization(loaded, most):
    batches = plan_batches(loaded, most)
    largest = max(len(organization.requests) for batch in batches for organization in batch.organizations)
    loads = [load_of(batch) for batch in batches]
    assert max(loads) - min(loads) <= largest


def test_few_organizations_get_a_batch_each_in_the_order_of_the_input():
    rows = [("org_b", ""), ("org_a", "Acme"), ("org_b", "Globex"), ("org_c", "")]
    batches = plan_batches(Prospects([prospect(row, *names) for row, names in enumerate(rows, 1)]), 3)
    assert [batch.label for batch in batches] == ["Globex", "Acme", "org_c"]
    assert [[request.row for request in batch.organizations[0].requests] for batch in batches] == [[1, 3], [2], [4]]


def test_many_organizations_share_batches_evenly():
    batches = plan_batches(of_organizations([1, 1, 1, 2, 2, 3, 4, 5]), 2)
    assert [batch.label for batch in batches] == ["org_1 … org_4 (2)", "org_2 … org_5 (3)"]
    assert [load_of(batch) for batch in batches] == [4, 4]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Ac\x00me\n", "Acme"),
        ("https://evil.example/?ticket=x", "httpsevil.example/?ticket=x"),
        ("a::////b", "ab"),
        ("x" * 300, "x" * 200),
        ("\x01", "org_1"),
        ("Ac\x9b31m\u202eme", "Ac31mme"),
        ("   ", "org_1"),
    ],
)
def test_a_label_is_short_plain_text_and_no_link(name, label):
    (batch,) = plan_batches(Prospects([prospect(1, "org_1", name)]), 1)
    assert batch.label == label


def test_a_long_label_keeps_its_count():
    loaded = Prospects([prospect(1, "org_1", "x" * 300), prospect(2, "org_2"), prospect(3, "org_3", "y" * 300)])
    (batch,) = plan_batches(loaded, 1)
    assert 195 <= len(batch.label) <= 200
    assert batch.label.endswith("y (3)")
    assert "x … y" in batch.label


def test_batches_are_even_by_what_is_sent_and_not_by_rows():
    loaded = of_organizations([1, 1, 1, 1, 2, 3, 4])
    batches = plan_batches(loaded, 2, {"org_2": 1, "org_3": 1})  # those of 1 and 4 are reused
    assert [[one.organization_id for one in batch.organizations] for batch in batches] == [
        ["org_1", "org_2"],
        ["org_3", "org_4"],
    ]


def test_less_than_one_batch_is_refused():
    with pytest.raises(ValueError, match="max_mapped_tasks is 0: must be at least 1"):
        plan_batches(Prospects(), 0)


@pytest.mark.parametrize("storage", ["local", "object storage"])
def test_a_plan_removes_the_files_of_an_earlier_one(tmp_path, storage):
    folder = tmp_path if storage == "local" else UPath(f"memory://plans/{tmp_path.name}")
    write_batches(plan_batches(of_organizations(range(5)), 5), folder)
    (folder / "plan" / "notes.txt").write_text("kept")
    references = write_batches(plan_batches(of_organizations([7, 8]), 5), folder)
    assert [reference["label"] for reference in references] == ["org_7", "org_8"]
    names = sorted(entry.name for entry in (folder / "plan").iterdir())
    assert names == ["batch-0001.json", "batch-0002.json", "notes.txt"]


def test_no_prospects_need_no_batches_and_no_folder_where_storage_has_no_empty_ones(monkeypatch):
    monkeypatch.setattr(MemoryFileSystem, "mkdir", lambda *_, **__: None)  # as S3 and its like do
    assert plan_batches(Prospects(), 5) == []
    assert write_batches([], UPath("memory://plans/without-folders")) == []
