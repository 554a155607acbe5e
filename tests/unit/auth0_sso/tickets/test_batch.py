"""The batch file that a mapped task works on."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.models import IssuedTicket
from auth0_sso.tickets.batch import read_batch, read_tickets

from tests.support import factories
from tests.support.factories import organizations, request


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_batch_comes_back_as_the_plan_wrote_it_from_a_path_or_a_uri(tmp_path: Path, scheme: str) -> None:
    wanted = organizations(7, per_organization=3)
    assert read_batch(f"{scheme}{factories.batch_file(tmp_path, wanted)['batch']}") == wanted


def test_what_a_batch_does_not_say_is_empty_and_what_is_unknown_is_refused(tmp_path: Path) -> None:
    whole = asdict(request(1))
    row = {name: value for name, value in whole.items() if name not in ("profile_id", "custom_domain", "source")}
    organization = {"organization_id": "org_1", "organization_name": "", "requests": [row]}
    (tmp_path / "batch.json").write_text(json.dumps({"label": "", "organizations": [organization]}))
    (read,) = read_batch(str(tmp_path / "batch.json"))
    assert read.requests == [request(1)]
    organization["requests"] = [{**row, "profil_id": "ssp_1"}]
    (tmp_path / "batch.json").write_text(json.dumps({"label": "", "organizations": [organization]}))
    with pytest.raises(Auth0RunError, match="unexpected keyword argument 'profil_id'"):
        read_batch(str(tmp_path / "batch.json"))


def test_tickets_come_back_in_order_and_to_the_last_digit(tmp_path: Path) -> None:
    tickets = [IssuedTicket("b", 1_800_000_000.123456), IssuedTicket("a", 1.1)]
    document = {"label": "", "tickets": [asdict(ticket) for ticket in tickets]}
    (tmp_path / "tickets.json").write_text(json.dumps(document))
    assert read_tickets(str(tmp_path / "tickets.json")) == tickets


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", "null", "\udcff"])
@pytest.mark.parametrize("read", [read_batch, read_tickets])
def test_a_batch_that_can_not_be_read_says_what_to_clear(tmp_path: Path, read: Any, content: str | None) -> None:
    path = tmp_path / "batch.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Auth0RunError, match=r"batch\.json can't be read.*Clear the task that plans the run"):
        read(str(path))


@pytest.mark.parametrize("read", [read_batch, read_tickets])
def test_a_batch_that_was_changed_after_the_plan_is_refused_and_says_what_to_clear(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "batch.json"
    path.write_text('{"label": "", "organizations": [], "tickets": []}')
    planned = sha256(path.read_bytes()).hexdigest()
    assert read(str(path), planned) == []
    path.write_text('{"label": "", "organizations": [], "tickets": [] }')
    with pytest.raises(Auth0RunError, match=r"batch\.json is not as the run was planned.*clear the task that plans"):
        read(str(path), planned)
    assert read(str(path)) == [], "a batch of one's own needs no digest"
