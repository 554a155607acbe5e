"""Parsing JSON and form bodies."""

from __future__ import annotations

from typing import Any

import pytest

from dev.sandbox.api.body import parse_ticket_body

FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/json"


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (b"connection_config[name]=acme", {"connection_config": {"name": "acme"}}),
        (
            b"enabled_organizations[0][show_as_button]=true&enabled_organizations[1][organization_id]=org_2",
            {"enabled_organizations": [{"show_as_button": True}, {"organization_id": "org_2"}]},
        ),
        (b"enabled_clients[]=a&enabled_clients[]=b", {"enabled_clients": ["a", "b"]}),
        (b"ttl_sec=60&use_for_organization_discovery=false", {"ttl_sec": 60, "use_for_organization_discovery": False}),
        (b'connection_config={"name":"acme"}', {"connection_config": {"name": "acme"}}),
        (b"connection_config%5Bname%5D=123", {"connection_config": {"name": "123"}}),
        (b"connection_config[metadata][tier]=1", {"connection_config": {"metadata": {"tier": "1"}}}),
        (b"ttl_sec=soon&unknown=1", {"ttl_sec": "soon", "unknown": "1"}),
    ],
)
def test_a_forms_brackets_become_objects_and_lists_typed_by_the_schema(form: bytes, body: dict[str, Any]) -> None:
    assert parse_ticket_body(form, FORM) == body


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"{", JSON),
        (b'{"ttl_sec": NaN}', JSON),
        (b'{"connection_config": {"name": "\\ud800"}}', JSON),
        (b"a[b]=\xff\xfe%FF", "text/plain"),
        (b"a=1&a[b]=2", FORM),
    ],
)
def test_a_body_that_cannot_be_parsed_is_an_error(raw: bytes, content_type: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_ticket_body(raw, content_type)
