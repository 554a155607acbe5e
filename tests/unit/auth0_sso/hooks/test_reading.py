"""What is read of a tenant's logs, connections and organizations; its answers are made with Auth0's own types."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

import pytest
from auth0.management.types import (
    ConnectionForList,
    ListConnectionsCheckpointPaginatedResponseContent,
    ListLogOffsetPaginatedResponseContent,
    ListOrganizationConnectionsOffsetPaginatedResponseContent,
    ListOrganizationDiscoveryDomainsResponseContent,
    Log,
    OrganizationConnection,
    OrganizationDiscoveryDomain,
)
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0Error,
    Auth0ReadError,
    Auth0RowError,
    Auth0RunError,
    Auth0ScopeError,
    Auth0UnreachableError,
)
from auth0_sso.hooks import reading
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.reading import (
    READ_CONNECTIONS_SCOPE,
    READ_DISCOVERY_DOMAINS_SCOPE,
    READ_LOGS_SCOPE,
    READ_ORGANIZATION_CONNECTIONS_SCOPE,
    READING_SCOPES,
    SetupReader,
)
from auth0_sso.models import ConnectionFacts, DomainFacts, SetupEvent
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import Timeouts
from pydantic import BaseModel
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from dev.sandbox.server import Sandbox
from tests.support.factories import NOW, SHORT
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.hooks.conftest import using

LOGS = "/api/v2/logs"
CONNECTIONS = "/api/v2/connections"
ENABLED = "/api/v2/organizations/org_1/enabled_connections"
DOMAINS = "/api/v2/organizations/org_1/discovery-domains"
HOUR = (NOW, NOW + 3600)

Result = TypeVar("Result")
Call = Callable[[SetupReader], Awaitable[Any]]


async def every(items: AsyncIterator[Result]) -> list[Result]:
    return [item async for item in items]


def events(start: float, end: float) -> Callable[[SetupReader], Awaitable[list[SetupEvent]]]:
    async def read_parts(reader: SetupReader) -> list[SetupEvent]:
        return [event async for part, _ in reader.setup_events(start, end) for event in part]

    return read_parts


CALLS: dict[str, Call] = {
    LOGS: events(*HOUR),
    f"{CONNECTIONS} by name": lambda reader: reader.connection_by_name("acme"),
    CONNECTIONS: lambda reader: every(reader.connections()),
    ENABLED: lambda reader: reader.enabled_connection_ids("org_1"),
    DOMAINS: lambda reader: reader.discovery_domains("org_1"),
}
SCOPES = {
    LOGS: READ_LOGS_SCOPE,
    CONNECTIONS: READ_CONNECTIONS_SCOPE,
    ENABLED: READ_ORGANIZATION_CONNECTIONS_SCOPE,
    DOMAINS: READ_DISCOVERY_DOMAINS_SCOPE,
}
of_each_call = pytest.mark.parametrize(
    ("path", "call"), [pytest.param(name.split()[0], call, id=name) for name, call in CALLS.items()]
)


@pytest.fixture
def hook(httpserver: HTTPServer, tenant: Sandbox, connect: Connect) -> Auth0Hook:
    """Return a hook of a tenant that each test gives its answers."""
    connect(tenant, host=f"http://127.0.0.1:{httpserver.port}", extra={"token": "ready"})
    return Auth0Hook(rate_limiter=RateLimiter(1000, 1000), timeouts=replace(SHORT, retry_budget=10))


def read(hook: Auth0Hook, call: Callable[[SetupReader], Awaitable[Result]]) -> Result:
    return using(hook, lambda opened: call(SetupReader(opened)))


def as_json(answer: BaseModel) -> Any:
    return json.loads(answer.model_dump_json(by_alias=True, exclude_none=True))


def answer_one_by_one(httpserver: HTTPServer, path: str, *answers: Response | BaseModel) -> None:
    """Give these answers in their order; the last one also to all later requests."""
    waiting = list(answers)

    def respond(_request: Request) -> Response:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return Response(json.dumps(as_json(answer))) if isinstance(answer, BaseModel) else answer

    httpserver.expect_request(path, method="GET").respond_with_handler(respond)


def queries(httpserver: HTTPServer) -> list[dict[str, str]]:
    return [request.args.to_dict() for request, _ in httpserver.log]


def log_of(number: int = 1, at: float = NOW, **changes: Any) -> Log:
    """Return a log of the tenant, as its catalog describes them."""
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03}Z"
    details = {
        "ss_sso_event_name": "ss_sso_ticket_consumption",
        "ss_sso_tracing_id": "trace",
        "connection_name": "acme",
        "flow_type": "create",
    }
    fields = {
        "log_id": f"9002{number:020}",
        "date": date,
        "type": "ss_sso_success",
        "description": "Ticket consumed",
        "details": details,
        "ip": "203.0.113.7",
        "user_agent": "Chrome 120.0.0 / Mac OS X 10.15.7",
        "environment_name": "prod-eu-1",
        "tenant_name": "acme",
        "$event_schema": {"version": "1.0.0"},
    }
    return Log(**{**fields, **changes})


class TenantLogs:
    """
    Searches logs as a tenant does: a window of time, by date, in pages, at most 1,000 results.

    :param as_object: whether an answer is an object with totals, as some clients ask for, or a list.
    """

    def __init__(self, httpserver: HTTPServer, *logs: Log, as_object: bool = False) -> None:
        self.logs = [(as_json(log)["date"][:19], as_json(log)) for log in logs]
        self.as_object = as_object
        self.pages_served: list[int] = []
        httpserver.expect_request(LOGS, method="GET").respond_with_handler(self.respond)

    def respond(self, request: Request) -> Response:
        search = r"type:\(ss_sso_success OR ss_sso_failure OR ss_sso_info\) AND date:\[(\S{19}) TO (\S{19})\}"
        window = re.fullmatch(search, request.args["q"])
        assert window
        assert request.args["sort"] == "date:1"
        size, page = int(request.args["per_page"]), int(request.args["page"])
        assert size <= 100
        found = [log for date, log in sorted(self.logs, key=lambda dated: dated[0]) if window[1] <= date < window[2]]
        logs = found[:1000][page * size : (page + 1) * size]
        self.pages_served.append(page)
        totals = ListLogOffsetPaginatedResponseContent(start=page * size, limit=size, length=len(logs))
        return Response(json.dumps({**as_json(totals), "logs": logs} if self.as_object else logs))


class TestEvents:
    @pytest.mark.parametrize("as_object", [False, True], ids=["a list", "with totals"])
    def test_a_log_becomes_an_event_without_the_customers_address_and_browser(
        self, httpserver: HTTPServer, hook: Auth0Hook, as_object: bool
    ) -> None:
        TenantLogs(httpserver, log_of(7, NOW + 0.25), as_object=as_object)
        (event,) = read(hook, events(*HOUR))
        assert asdict(event) == {
            "log_id": "900200000000000000000007",
            "at": NOW + 0.25,
            "name": "ss_sso_ticket_consumption",
            "succeeded": True,
            "connection_name": "acme",
            "flow_type": "create",
            "message": "Ticket consumed",
        }

    def test_a_message_has_no_ticket_that_auth0s_words_may_quote(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        quoted = "GET https://acme.example.com/self-service/connections-flow?ticket=s3cr3t&x=1 failed"
        TenantLogs(httpserver, log_of(description=quoted))
        (event,) = read(hook, events(*HOUR))
        assert event.message == quoted.replace("s3cr3t", "…")

    @pytest.mark.parametrize(
        ("kind", "succeeded"), [("ss_sso_success", True), ("ss_sso_info", True), ("ss_sso_failure", False)]
    )
    def test_only_a_failure_has_not_succeeded(
        self, httpserver: HTTPServer, hook: Auth0Hook, kind: str, succeeded: bool
    ) -> None:
        TenantLogs(httpserver, log_of(type=kind))
        assert [event.succeeded for event in read(hook, events(*HOUR))] == [succeeded]

    @pytest.mark.parametrize(
        "details", [{}, {"connection_name": None, "flow_type": None}, {"flow_type": "another"}], ids=str
    )
    def test_a_failed_opening_may_lack_the_connection(
        self, httpserver: HTTPServer, hook: Auth0Hook, details: dict[str, Any]
    ) -> None:
        name = "ss_sso_ticket_consumption"
        failed = log_of(type="ss_sso_failure", details={"ss_sso_event_name": name, **details}, description=None)
        TenantLogs(httpserver, failed)
        (event,) = read(hook, events(*HOUR))
        assert (event.name, event.connection_name, event.flow_type, event.message) == (name, "", "", "")

    def test_a_message_is_short_and_hides_nothing(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        TenantLogs(httpserver, log_of(description="a\u202eb\x00" + "c" * 1000))
        (event,) = read(hook, events(*HOUR))
        assert event.message.startswith("a\\u202eb\\x00ccc")
        assert len(event.message) == 255

    def test_logs_that_tell_nothing_are_skipped_and_counted(
        self, httpserver: HTTPServer, hook: Auth0Hook, caplog: pytest.LogCaptureFixture
    ) -> None:
        lacking = [
            log_of(details=None),
            log_of(details={"connection_name": "acme"}),
            log_of(log_id=None),
            log_of(date=None),
            log_of(date={"$date": 1}),
            log_of(date="soon"),
            log_of(type="s"),
        ]
        logs = ListLogOffsetPaginatedResponseContent(logs=[*lacking, log_of(8)])
        answer_one_by_one(httpserver, LOGS, logs)
        assert [event.log_id[-1] for event in read(hook, events(*HOUR))] == ["8"]
        assert "7 of 8 logs are skipped" in caplog.text

    def test_a_date_without_a_zone_is_in_utc(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        TenantLogs(httpserver, log_of(date="2027-01-15T08:00:00"))
        assert [event.at for event in read(hook, events(*HOUR))] == [NOW]


class TestWindows:
    def test_a_window_is_searched_by_type_and_date_and_its_end_is_not_part_of_it(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        TenantLogs(httpserver, *(log_of(second, NOW + second) for second in (-1, 0, 59, 60)))
        found = read(hook, events(NOW, NOW + 60))
        assert [event.at for event in found] == [NOW, NOW + 59]
        assert queries(httpserver) == [
            {
                "q": "type:(ss_sso_success OR ss_sso_failure OR ss_sso_info) "
                "AND date:[2027-01-15T08:00:00 TO 2027-01-15T08:01:00}",
                "sort": "date:1",
                "per_page": "100",
                "page": "0",
            }
        ]

    def test_seconds_that_a_window_begins_or_ends_in_are_read_whole(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        TenantLogs(httpserver, log_of(1, NOW), log_of(2, NOW + 1.9))
        assert len(read(hook, events(NOW + 0.5, NOW + 1.5))) == 2

    @pytest.mark.parametrize("end", [NOW, NOW - 1])
    def test_nothing_is_sent_for_a_window_without_time(
        self, httpserver: HTTPServer, hook: Auth0Hook, end: float
    ) -> None:
        TenantLogs(httpserver)
        assert read(hook, events(NOW, end)) == []
        assert httpserver.log == []

    @pytest.mark.parametrize(("count", "pages"), [(0, [0]), (99, [0]), (100, [0, 1]), (250, [0, 1, 2])])
    def test_pages_are_read_until_one_is_not_full(
        self, httpserver: HTTPServer, hook: Auth0Hook, count: int, pages: list[int]
    ) -> None:
        tenant = TenantLogs(httpserver, *(log_of(number, NOW + number) for number in range(count)))
        found = read(hook, events(*HOUR))
        assert [int(event.log_id[4:]) for event in found] == list(range(count))
        assert tenant.pages_served == pages

    @pytest.mark.parametrize("count", [1000, 2500])
    def test_a_window_with_more_logs_than_a_search_returns_is_read_in_parts(
        self, httpserver: HTTPServer, hook: Auth0Hook, count: int
    ) -> None:
        TenantLogs(httpserver, *(log_of(number, NOW + number // 300) for number in range(count)))
        found = read(hook, events(*HOUR))
        assert [int(event.log_id[4:]) for event in found] == list(range(count))

    def test_each_part_says_until_when_the_window_is_read(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        TenantLogs(httpserver, *(log_of(number, NOW + number) for number in range(1500)))

        async def parts(reader: SetupReader) -> list[tuple[int, float]]:
            return [(len(part), until) async for part, until in reader.setup_events(NOW, NOW + 3600.5)]

        assert read(hook, parts) == [(1000, NOW + 999), (500, NOW + 3600.5)]
        assert len(queries(httpserver)) == 16, "a search that returns no more is not repeated"

    def test_of_a_second_with_more_logs_than_a_search_returns_the_others_are_left_out(
        self, httpserver: HTTPServer, hook: Auth0Hook, caplog: pytest.LogCaptureFixture
    ) -> None:
        many = [log_of(number, NOW + 5) for number in range(1001)]
        TenantLogs(httpserver, log_of(2000, NOW), *many, log_of(3000, NOW + 6))
        assert [event.at for event in read(hook, events(*HOUR))] == [NOW, *1000 * [NOW + 5], NOW + 6]
        assert "in the second 2027-01-15T08:00:05Z" in caplog.text

    def test_a_log_that_moves_to_the_next_page_meanwhile_counts_once(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        logs = [log_of(number, NOW + number) for number in range(150)]
        first, second = ListLogOffsetPaginatedResponseContent(logs=logs[:100]), logs[99:]
        answer_one_by_one(httpserver, LOGS, first, ListLogOffsetPaginatedResponseContent(logs=second))
        assert [int(event.log_id[4:]) for event in read(hook, events(*HOUR))] == list(range(150))


ACME = ConnectionForList(id="con_1", name="acme", strategy="samlp", realms=["acme"], is_domain_connection=False)


def connection_page(*connections: ConnectionForList, begin: str | None = None) -> BaseModel:
    return ListConnectionsCheckpointPaginatedResponseContent(connections=list(connections), next=begin)


class TestConnections:
    @pytest.mark.parametrize("answer", [as_json(connection_page(ACME)), [as_json(ACME)]], ids=["an object", "a list"])
    def test_a_connection_is_found_by_its_name(self, httpserver: HTTPServer, hook: Auth0Hook, answer: object) -> None:
        answer_one_by_one(httpserver, CONNECTIONS, Response(json.dumps(answer)))
        found = read(hook, lambda reader: reader.connection_by_name("acme"))
        assert found == ConnectionFacts(id="con_1", name="acme", strategy="samlp")
        assert queries(httpserver) == [{"name": "acme", "fields": "id,name,strategy"}]

    def test_no_other_connection_is_taken_for_it(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        answer_one_by_one(httpserver, CONNECTIONS, connection_page(ACME), connection_page())
        odd = "a&name=acme #+%/é"
        assert read(hook, lambda reader: reader.connection_by_name(odd)) is None
        assert read(hook, lambda reader: reader.connection_by_name("acme")) is None
        assert [query["name"] for query in queries(httpserver)] == [odd, "acme"]

    def test_all_connections_are_read_from_checkpoint_to_checkpoint(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        other = ConnectionForList(id="con_2", name="globex", strategy="okta")
        first, last = connection_page(ACME, begin="con_1"), connection_page(other)
        answer_one_by_one(httpserver, CONNECTIONS, first, connection_page(begin="x+y/z="), last)
        assert [one.id for one in read(hook, lambda reader: every(reader.connections()))] == ["con_1", "con_2"]
        usual = {"take": "100", "fields": "id,name,strategy"}
        assert queries(httpserver) == [usual, {**usual, "from": "con_1"}, {**usual, "from": "x+y/z="}]

    def test_a_tenant_that_always_names_a_next_page_is_given_up(
        self, httpserver: HTTPServer, hook: Auth0Hook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "_MAX_PAGES", 3)
        answer_one_by_one(httpserver, CONNECTIONS, connection_page(ACME, begin="con_1"))
        with pytest.raises(Auth0ReadError, match=f"GET {CONNECTIONS}: .* 3 times"):
            read(hook, lambda reader: every(reader.connections()))
        assert len(httpserver.log) == 3


class TestOrganizations:
    @pytest.mark.parametrize("as_list", [False, True])
    def test_enabled_connections_are_read_page_by_page(
        self, httpserver: HTTPServer, hook: Auth0Hook, as_list: bool
    ) -> None:
        def page(numbers: range) -> Response:
            enabled = [OrganizationConnection(connection_id=f"con_{number}", show_as_button=True) for number in numbers]
            body = as_json(ListOrganizationConnectionsOffsetPaginatedResponseContent(enabled_connections=enabled))
            return Response(json.dumps(body["enabled_connections"] if as_list else body))

        answer_one_by_one(httpserver, ENABLED, page(range(50)), page(range(50, 60)))
        found = read(hook, lambda reader: reader.enabled_connection_ids("org_1"))
        assert found == {f"con_{number}" for number in range(60)}
        assert queries(httpserver) == [{"per_page": "50", "page": "0"}, {"per_page": "50", "page": "1"}]

    def test_domains_are_read_from_checkpoint_to_checkpoint(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        def page(domain: str, status: str, begin: str | None = None) -> BaseModel:
            proof = {"verification_txt": "auth0-domain-verification=x", "verification_host": f"_auth0.{domain}"}
            one = OrganizationDiscoveryDomain(id=f"id_{domain}", domain=domain, status=status, **proof)
            return ListOrganizationDiscoveryDomainsResponseContent(domains=[one], next=begin)

        answer_one_by_one(httpserver, DOMAINS, page("a.example", "verified", "2"), page("b.example", "pending"))
        assert read(hook, lambda reader: reader.discovery_domains("org_1")) == [
            DomainFacts("a.example", is_verified=True),
            DomainFacts("b.example", is_verified=False),
        ]
        assert queries(httpserver) == [{"take": "50"}, {"take": "50", "from": "2"}]

    @pytest.mark.parametrize("odd", ["..", "org_1/..", "org_1?x=1", "", "o" * 256])
    def test_an_id_that_could_change_the_path_is_not_sent(
        self, httpserver: HTTPServer, hook: Auth0Hook, odd: str
    ) -> None:
        for call in (lambda reader: reader.enabled_connection_ids(odd), lambda reader: reader.discovery_domains(odd)):
            with pytest.raises(Auth0RowError, match="can be no organization"):
                read(hook, call)
        assert httpserver.log == []

    @pytest.mark.parametrize("path", [ENABLED, DOMAINS])
    def test_an_organization_that_does_not_exist_is_named_by_the_tenant(
        self, httpserver: HTTPServer, hook: Auth0Hook, path: str
    ) -> None:
        gone = {"statusCode": 404, "error": "Not Found", "message": "No organization found by that id or name"}
        answer_one_by_one(httpserver, path, Response(json.dumps(gone), 404))
        with pytest.raises(Auth0RowError, match="404: No organization found"):
            read(hook, CALLS[path])
        assert len(httpserver.log) == 1


class TestOtherShapes:
    @of_each_call
    @pytest.mark.parametrize(
        "body",
        ["", "<html>Sign in</html>", "null", '"logs"', "{}", '{"logs": {}, "connections": {}}', '["con_1"]', "[[]]"],
    )
    def test_an_answer_of_another_shape_is_an_error_that_names_the_call(
        self, httpserver: HTTPServer, hook: Auth0Hook, path: str, call: Call, body: str
    ) -> None:
        answer_one_by_one(httpserver, path, Response(body))
        with pytest.raises(Auth0ReadError, match=f"GET {path}: Auth0's answer has another shape"):
            read(hook, call)
        assert len(httpserver.log) == 1

    @pytest.mark.parametrize(
        ("path", "item", "place"),
        [
            (CONNECTIONS, {"id": 7, "name": "acme", "strategy": "samlp"}, "connections.0.id"),
            (CONNECTIONS, {"id": "con_1", "strategy": "samlp"}, "connections.0.name"),
            (ENABLED, {"connection": {"name": "acme"}}, "enabled_connections.0.connection_id"),
            (DOMAINS, {"domain": "a.example"}, "domains.0.status"),
        ],
    )
    def test_a_field_that_is_missing_or_of_another_type_is_named(
        self, httpserver: HTTPServer, hook: Auth0Hook, path: str, item: dict[str, Any], place: str
    ) -> None:
        answer_one_by_one(httpserver, path, Response(json.dumps([item])))
        with pytest.raises(Auth0ReadError, match=re.escape(place)):
            read(hook, CALLS[path])

    def test_a_checkpoint_of_another_type_is_not_followed(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        answer_one_by_one(httpserver, CONNECTIONS, Response('{"connections": [], "next": {"id": 1}}'))
        with pytest.raises(Auth0ReadError, match="next"):
            read(hook, CALLS[CONNECTIONS])


class TestRetries:
    @of_each_call
    def test_what_fails_for_a_passing_reason_is_read_again(
        self, httpserver: HTTPServer, hook: Auth0Hook, caplog: pytest.LogCaptureFixture, path: str, call: Call
    ) -> None:
        answer_one_by_one(httpserver, path, Response("<html>", 502), Response("", 503), Response("[]"))
        assert not read(hook, call)
        assert len(httpserver.log) == 3
        assert "Auth0 answered 503" in caplog.text

    def test_after_a_429_the_rate_limiter_pauses_and_nothing_else(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        hook.timeouts = Timeouts(longest_backoff=30)
        answer_one_by_one(httpserver, CONNECTIONS, Response("{}", 429), connection_page(ACME))
        began = time.monotonic()
        assert len(read(hook, lambda reader: every(reader.connections()))) == 1
        assert 1 <= time.monotonic() - began < 3.5, "after another failure it would be four seconds"

    def test_a_page_that_fails_is_read_again_and_those_before_it_are_not(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        first, last = connection_page(ACME, begin="con_1"), connection_page()
        answer_one_by_one(httpserver, CONNECTIONS, first, Response("", 500), last)
        assert len(read(hook, lambda reader: every(reader.connections()))) == 1
        assert [query.get("from") for query in queries(httpserver)] == [None, "con_1", "con_1"]

    def test_retry_after_is_honored_within_its_bound(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        hook.timeouts = Timeouts(longest_backoff=0.01, longest_pause=0.5)
        answer_one_by_one(httpserver, CONNECTIONS, Response("", 503, {"Retry-After": "60"}), connection_page())
        began = time.monotonic()
        read(hook, CALLS[CONNECTIONS])
        assert 0.5 <= time.monotonic() - began < 5

    def test_when_the_retry_budget_is_used_up_the_last_error_is_raised(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        hook.timeouts = Timeouts(longest_backoff=0.1, retry_budget=0.5)
        answer_one_by_one(httpserver, CONNECTIONS, Response("", 500), Response("", 503))
        with pytest.raises(Auth0AmbiguousResultError, match="503"):
            read(hook, CALLS[CONNECTIONS])
        assert 3 <= len(httpserver.log) <= 5

    def test_a_tenant_that_is_out_of_reach_is_tried_again(
        self, tenant: Sandbox, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        connect(tenant, host="http://127.0.0.1:1", extra={"token": "ready"})
        timeouts = Timeouts(longest_backoff=0.05, retry_budget=0.3)
        with pytest.raises(Auth0UnreachableError, match=r"No connection to 127\.0\.0\.1:1"):
            read(Auth0Hook(rate_limiter=RateLimiter(1000), timeouts=timeouts), CALLS[CONNECTIONS])
        assert caplog.text.count("Retrying") > 1

    @of_each_call
    @pytest.mark.parametrize(("status", "kind"), [(400, Auth0RowError), (403, Auth0RunError)])
    def test_what_the_tenant_refuses_is_not_read_again(
        self, httpserver: HTTPServer, hook: Auth0Hook, path: str, call: Call, status: int, kind: type[Auth0Error]
    ) -> None:
        answer_one_by_one(httpserver, path, Response('{"message": "No"}', status))
        with pytest.raises(kind, match=f"{status}: No"):
            read(hook, call)
        assert len(httpserver.log) == 1

    def test_a_refused_token_is_renewed(self, httpserver: HTTPServer, tenant: Sandbox, connect: Connect) -> None:
        connect(tenant, host=f"http://127.0.0.1:{httpserver.port}")
        httpserver.expect_request("/oauth/token").respond_with_json({"access_token": "t0ken", "expires_in": 3600})
        answer_one_by_one(httpserver, CONNECTIONS, Response('{"message": "Invalid token"}', 401), connection_page(ACME))
        hook = Auth0Hook(rate_limiter=RateLimiter(1000), timeouts=SHORT)
        assert len(read(hook, lambda reader: every(reader.connections()))) == 1
        assert [request.path for request, _ in httpserver.log] == ["/oauth/token", CONNECTIONS] * 2


class TestScopes:
    @of_each_call
    @pytest.mark.parametrize(
        "body",
        [
            {"message": "Insufficient scope, expected any of: read:logs_users", "errorCode": "insufficient_scope"},
            {"message": "Insufficient scope"},
            {"errorCode": "insufficient_scope"},
        ],
        ids=["usual", "without a code", "without a message"],
    )
    def test_a_missing_scope_is_an_error_of_its_own_that_names_it(
        self, httpserver: HTTPServer, hook: Auth0Hook, path: str, call: Call, body: dict[str, str]
    ) -> None:
        answer_one_by_one(httpserver, path, Response(json.dumps(body), 403))
        with pytest.raises(Auth0ScopeError, match=f"lacks the scope {SCOPES[path]}, which GET {path} needs") as caught:
            read(hook, call)
        assert "Machine to Machine Applications" in caught.value.advice
        assert caught.value.status == 403

    def test_a_403_for_another_reason_is_no_missing_scope(self, httpserver: HTTPServer, hook: Auth0Hook) -> None:
        answer_one_by_one(httpserver, LOGS, Response('{"errorCode": "insufficient_entitlement"}', 403))
        with pytest.raises(Auth0RunError) as caught:
            read(hook, CALLS[LOGS])
        assert not isinstance(caught.value, Auth0ScopeError)

    @pytest.mark.parametrize("granted", [(), (READ_LOGS_SCOPE, READ_CONNECTIONS_SCOPE), tuple(READING_SCOPES)])
    def test_it_says_which_of_its_scopes_the_token_has(
        self, run_tenant: RunTenant, connect: Connect, granted: tuple[str, ...]
    ) -> None:
        tenant = run_tenant(scopes=("create:sso_access_tickets", *granted))
        connect(tenant)
        hook = Auth0Hook(rate_limiter=RateLimiter(1000))
        assert read(hook, lambda reader: reader.granted_scopes(renew=True)) == set(granted)
        assert tenant.stats().token_requests == (1 if set(granted) >= READING_SCOPES else 2), "it may be granted since"

    def test_a_token_whose_scopes_are_not_known_may_have_them_all(self, hook: Auth0Hook) -> None:
        assert read(hook, lambda reader: reader.granted_scopes(renew=True)) == READING_SCOPES


class TestRateLimit:
    def test_every_request_uses_the_rate_limiter_also_one_that_is_repeated(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        answer_one_by_one(httpserver, LOGS, Response("[]", 503), Response("[]"))
        for path in (CONNECTIONS, ENABLED, DOMAINS):
            answer_one_by_one(httpserver, path, Response("[]"))

        async def all_kinds(reader: SetupReader) -> None:
            for call in CALLS.values():
                await call(reader)

        read(hook, all_kinds)
        assert hook.require_rate_limiter().requests == len(httpserver.log) == 6

    def test_an_empty_bucket_of_one_kind_slows_down_that_kind_alone(
        self, httpserver: HTTPServer, hook: Auth0Hook
    ) -> None:
        rate_limiter = hook.rate_limiter = RateLimiter(1000, timeouts=Timeouts(longest_pause_when_empty=0.5))
        empty = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}
        answer_one_by_one(httpserver, LOGS, Response("[]", headers=empty))
        answer_one_by_one(httpserver, CONNECTIONS, connection_page())

        async def seconds(call: Awaitable[Any]) -> float:
            began = time.monotonic()
            await call
            return time.monotonic() - began

        async def delays(reader: SetupReader) -> tuple[float, float, float]:
            await CALLS[LOGS](reader)
            of_tickets = rate_limiter.delay()
            of_connections = await seconds(CALLS[CONNECTIONS](reader))
            return of_tickets, of_connections, await seconds(CALLS[LOGS](reader))

        of_tickets, of_connections, of_logs = read(hook, delays)
        assert max(of_tickets, of_connections) < 0.3 < of_logs
        assert rate_limiter.rate_limited == 0

    def test_a_hook_without_a_rate_limiter_is_refused(self, hook: Auth0Hook) -> None:
        hook.rate_limiter = None
        with pytest.raises(ValueError, match="no rate limiter"):
            SetupReader(hook)
