"""The subset of Lucene's syntax that a search in the tenant's log understands."""

from __future__ import annotations

from typing import Any

import pytest

from dev.sandbox.api.log_query import parse_log_query

OPENED: dict[str, Any] = {
    "type": "ss_sso_success",
    "date": "2026-11-01T12:00:00.000Z",
    "description": "Ticket opened",
    "details": {"ss_sso_event_name": "ss_sso_ticket_consumption", "connection_name": "acme-saml"},
}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type:ss_sso_success",
        "type:ss_sso_*",
        "type:*_success",
        'description:"Ticket opened"',
        'type:"ss_sso_success" AND description:Ticket*',
        "(type:ss_sso_failure OR type:ss_sso_success)",
        "type:(ss_sso_failure OR ss_sso_success) AND details.connection_name:acme-saml",
        "(type:ss_sso_* AND (details.ss_sso_event_name:ss_sso_ticket_consumption OR ip:1.2.3.4))",
        "type:ss_sso_* AND date:[2026-11-01T00:00:00Z TO 2026-11-02T00:00:00Z}",
        "date:[2026-11-01T12:00:00 TO 2026-11-01T12:00:00.000Z]",
        "date:[2026-11-01T13:00:00+01:00 TO *]",
        "date:{* TO 2026-11-01T12:00:00.001Z}",
    ],
)
def test_a_search_finds_an_event(query: str) -> None:
    assert parse_log_query(query)(OPENED)


@pytest.mark.parametrize(
    "query",
    [
        "type:ss_sso",
        "type:SS_SSO_*",
        'type:"ss_sso_*"',
        "description:opened",
        "connection:acme-saml",
        "details.ss_sso_tracing_id:*x",
        "type:ss_sso_* AND type:s",
        "(type:s OR type:f)",
        "date:{2026-11-01T12:00:00Z TO *]",
        "date:[* TO 2026-11-01T12:00:00Z}",
        "date:[2026-11-01T12:00:00.001Z TO *]",
    ],
)
def test_a_search_leaves_an_event_out(query: str) -> None:
    assert not parse_log_query(query)(OPENED)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("ss_sso_success", "'ss_sso_success' is not a field"),
        ("NOT type:s", "'NOT' is not a field"),
        ("tpye:s", "'tpye' is not a field"),
        ("type:s type:f", "AND or OR must stand before 'type'"),
        ("type:s AND type:f OR type:f", "kept apart by parentheses"),
        ("type:s AND", "ends too early"),
        ("(type:s", "ends too early"),
        ("type:(s OR f", "ends too early"),
        ("type:s)", "must stand before '\\)'"),
        ("type:?s", "'\\?s' is not understood"),
        ("type:s~2", "'~2' is not understood"),
        ("type s", "':' is missing"),
        ("type:[a TO b]", "can't be a value of 'type'"),
        ("date:[2026-11-01 TO 2026-11-02]", "'2026-11-01' must be a time"),
        ("date:[2026-11-01T00:00:00Z TO 2026-11-02T00:00:00Z", "is not understood"),
        ("date:[2026-13-01T00:00:00Z TO *]", "month must be in 1..12"),
    ],
)
def test_what_is_not_understood_is_named(query: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_log_query(query)
