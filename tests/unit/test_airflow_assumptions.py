"""
What the project assumes of Airflow beyond its public interface, one test each, against the Airflow that is installed.

A new version of Airflow that fails here has changed something that ``auth0_sso/airflow_internals.py``,
``sso_ui/airflow.py``, an operator, a DAG file, a text or a page relies on. Airflow itself writes the runs, XComs,
pools, variables and retries that are read here.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import airflow
import pytest
import sso_ui.airflow as pages
from airflow.api_fastapi.app import create_auth_manager, init_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.auth.middlewares.refresh_token import JWTRefreshMiddleware
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.api_fastapi.core_api.datamodels.event_logs import EventLogResponse
from airflow.api_fastapi.core_api.routes.public import public_router
from airflow.api_fastapi.core_api.routes.public.event_logs import get_event_log
from airflow.api_fastapi.execution_api.routes.xcoms import set_xcom
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.jobs.job import Job
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.log import Log
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.models.variable import Variable
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.execution_time.supervisor import WatchedSubprocess
from airflow.sdk.execution_time.task_runner import (
    RuntimeTaskInstance,
    TaskRunnerMarker,
    _serialize_rendered_fields,
)
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.state import TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from auth0_sso import airflow_internals
from auth0_sso.hooks.transport import RateLimitedConnector, current_slot
from auth0_sso.operators.sso_tickets import RevokeSsoTicketsOperator
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from pytest_httpserver import HTTPServer
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sso_ui.airflow import RUN, BearerToken, User, requires_access, user_of_cookie
from sso_ui.data.progress import STATES_BY_ADVANCE

PROJECT = Path(__file__).parents[2]
UI = Path(airflow.__file__).parent / "ui" / "dist"
DAG_ID, RUN_ID = "create_sso_tickets", "manual__1"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Give this process's Airflow a fresh database with all of its tables."""
    import_all_models()
    made = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    Base.metadata.create_all(made)
    sessions = sessionmaker(made, autoflush=False, expire_on_commit=False)
    monkeypatch.setattr("airflow.settings.NonScopedSession", sessions)
    monkeypatch.setattr("airflow.settings.Session", scoped_session(sessions))
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


def add_run(session: Session, run_id: str = RUN_ID, **changes: Any) -> DagRun:
    given: dict[str, Any] = {"run_type": DagRunType.MANUAL, "triggering_user_name": "ann", "state": "running"}
    times = {"run_after": NOW, "start_date": NOW}
    by = DagRunTriggeredByType.REST_API
    run = DagRun(dag_id=DAG_ID, run_id=run_id, triggered_by=by, **{**given, **times, **changes})
    session.add(run)
    session.commit()
    return run


def add_task(session: Session, state: str, map_index: int = -1, start_date: datetime | None = None) -> TaskInstance:
    values = {"dag_id": DAG_ID, "run_id": RUN_ID, "task_id": "create_tickets", "map_index": map_index, "state": state}
    needed = {"id": uuid.uuid4(), "pool": "limited", "pool_slots": 1, "start_date": start_date}
    session.execute(insert(TaskInstance.__table__).values({**values, **needed}))
    session.commit()
    return session.scalars(select(TaskInstance).where(TaskInstance.map_index == map_index)).one()


class TestTasks:
    """What ``auth0_sso.airflow_internals`` assumes of a task's process."""

    def test_what_is_logged_reaches_the_supervisor_with_its_values(self) -> None:
        script = """
from airflow.sdk.execution_time.supervisor import _configure_logs_over_json_channel
from auth0_sso.airflow_internals import task_log
_configure_logs_over_json_channel(1)
task_log.info("Rows by status", created=3)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        [line] = [json.loads(line) for line in done.stdout.splitlines() if "Rows by status" in line]
        assert (line["event"], line["level"], line["logger"], line["created"]) == ("Rows by status", "info", "task", 3)

    def test_dag_test_runs_tasks_in_its_own_process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = """
from airflow.sdk import DAG, task
from auth0_sso.airflow_internals import is_in_process

with DAG("one", schedule=None):
    task(is_in_process)()
"""
        (tmp_path / "one.py").write_text(script)
        bundle = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(tmp_path)}}
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([{"name": "one", **bundle}]))
        run = DagBag(tmp_path).dags["one"].test()
        assert pages.xcom("one", run.run_id, "is_in_process") is True
        assert not airflow_internals.is_in_process()

    def test_a_rendered_field_is_what_the_operators_render_template_returns(self) -> None:
        operator = RevokeSsoTicketsOperator(task_id="revoke", tickets=[{"ticket_url": "s3cret"}])
        operator.render_template_fields({})
        assert _serialize_rendered_fields(operator)["tickets"] == "not shown: it may have links in it"

    def test_a_task_that_must_end_has_five_seconds_before_each_stronger_signal(self) -> None:
        delay = inspect.signature(WatchedSubprocess.kill).parameters["escalation_delay"].default
        assert DEFAULT_TIMEOUTS.shutdown < delay
        assert DEFAULT_TIMEOUTS.process_exit == 2 * delay

    def test_a_mapped_task_without_a_pool_is_in_the_pool_that_the_operators_refuse(self) -> None:
        mapped = BaseOperator.partial(task_id="mapped").expand(doc=["a", "b"])
        assert mapped.pool == Pool.DEFAULT_POOL_NAME == "default_pool"

    def test_a_task_knows_the_states_of_another_ones_instances(self) -> None:
        signature = inspect.signature(RuntimeTaskInstance.get_task_states)
        signature.bind(DAG_ID, task_ids=["create_tickets"], run_ids=[RUN_ID])
        assert "min_heartbeat_interval" in conf.configuration_description["workers"]["options"]

    def test_an_xcom_is_read_from_its_value_alone(self) -> None:
        pushed = BaseXCom.serialize_value({"tickets": [1]})
        assert BaseXCom.deserialize_value(SimpleNamespace(value=pushed)) == {"tickets": [1]}


class TestServices:
    """What ``auth0_sso.airflow_internals`` assumes of the scheduler."""

    @pytest.fixture
    def listened(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
        """Return what Airflow calls its listeners with."""
        calls: dict[str, list[Any]] = {"on_starting": [], "on_dag_run_running": []}
        hook = SimpleNamespace(
            on_starting=lambda component: calls["on_starting"].append(component),
            on_dag_run_running=lambda dag_run, msg: calls["on_dag_run_running"].append(dag_run),
        )
        for module in ("airflow.jobs.job", "airflow.models.dagrun"):
            monkeypatch.setattr(f"{module}.get_listener_manager", lambda: SimpleNamespace(hook=hook))
        return calls

    def test_a_service_that_starts_is_a_job_and_a_task_is_none(self, listened: dict[str, list[Any]]) -> None:
        job = Job()
        assert listened["on_starting"] == [job]
        assert airflow_internals.is_service(job)
        assert not airflow_internals.is_service(TaskRunnerMarker())

    def test_a_run_that_starts_brings_the_schedulers_session(
        self, listened: dict[str, list[Any]], session: Session
    ) -> None:
        add_run(session).notify_dagrun_state_changed("")
        [run] = listened["on_dag_run_running"]
        assert airflow_internals.session_of(run) is session
        session.expunge(run)
        assert airflow_internals.session_of(run) is None

    def test_a_pool_that_is_created_is_one_that_airflow_knows(self) -> None:
        with airflow_internals.service_session() as session:
            assert airflow_internals.create_pool(session, "limited", 2, "The rate limit")
            assert not airflow_internals.create_pool(session, "limited", 5, "Another")
        pool = Pool.get_pool("limited")
        assert (pool.slots, pool.description, pool.include_deferred) == (2, "The rate limit", False)
        assert Pool.slots_stats()["limited"]["open"] == 2

    def test_the_slots_of_a_pool_are_those_that_airflow_has_set(self, session: Session) -> None:
        assert airflow_internals.pool_slots(session, "limited") is None
        Pool.create_or_update_pool("limited", slots=16, description="", include_deferred=False)
        assert airflow_internals.pool_slots(session, "limited") == 16

    def test_a_variable_that_is_written_is_read_by_airflow(self) -> None:
        for value in ("2 slots", "16 slots"):
            with airflow_internals.service_session() as session:
                airflow_internals.write_variable(session, "slots", value)
            assert Variable.get("slots") == value
        with airflow_internals.service_session() as session:
            airflow_internals.write_variable(session, "slots", "4 slots", replace=False)
        assert Variable.get("slots") == "16 slots"

    def test_the_schedulers_session_takes_writes_that_do_not_commit_it(self, session: Session) -> None:
        with prohibit_commit(session) as guard:
            assert airflow_internals.create_pool(session, "limited", 2, "")
            airflow_internals.write_variable(session, "slots", "2 slots")
            guard.commit()
        assert Pool.get_pool("limited") is not None
        assert Variable.get("slots") == "2 slots"

    def test_a_question_that_nobody_has_answered_comes_back_with_the_default_and_says_so(self) -> None:
        event = HITLDetail(chosen_options=["Reject"]).as_resume_event_payload(timedout=True)
        assert (event["chosen_options"], event["timedout"]) == ([ApprovalOperator.REJECT], True)

    def test_the_states_of_tasks_are_those_that_the_pages_know(self) -> None:
        assert {str(state) for state in TaskInstanceState} >= {*STATES_BY_ADVANCE, "success"} - {"none"}


class TestDatabase:
    """What ``sso_ui.airflow`` assumes of the tables of Airflow's database."""

    def test_runs_are_found_the_latest_first(self, session: Session) -> None:
        later = NOW.replace(hour=13)
        add_run(session, state="success").end_date = later
        given = {"run_type": DagRunType.SCHEDULED, "triggering_user_name": None}
        add_run(session, "scheduled__2", run_after=later, start_date=None, state="queued", **given)
        ended = pages.Run(DAG_ID, RUN_ID, "success", NOW.isoformat(), later.isoformat(), "ann")
        queued = pages.Run(DAG_ID, "scheduled__2", "queued", "", "", "schedule")
        assert pages.find_runs([DAG_ID], limit=5) == [queued, ended]
        assert pages.find_runs([DAG_ID], limit=5, offset=1) == [ended]
        assert pages.find_run(DAG_ID, RUN_ID) == ended
        assert pages.find_run(DAG_ID, "another") is None

    def test_a_runs_parameters_are_those_that_it_was_given(self, session: Session) -> None:
        add_run(session, conf={"on_existing": "reissue"})
        assert pages.configuration(DAG_ID, RUN_ID) == {"on_existing": "reissue"}

    def test_an_xcom_is_what_a_task_has_pushed(self, session: Session) -> None:
        add_run(session)
        pushed = {"summary": {"created": 2}}
        set_xcom(DAG_ID, RUN_ID, "export_report", "return_value", session, pushed)
        for map_index in range(2):
            set_xcom(DAG_ID, RUN_ID, "create_tickets", "stats", session, [map_index], map_index)
        session.commit()
        assert pages.xcom(DAG_ID, RUN_ID, "export_report") == pushed
        assert pages.xcom(DAG_ID, RUN_ID, "export_report", "another") is None
        assert pages.xcoms_of_runs([RUN_ID], "export_report") == {(DAG_ID, RUN_ID): pushed}
        assert pages.xcoms_of_instances(DAG_ID, RUN_ID, "create_tickets", "stats") == [[0], [1]]

    def test_an_xcom_as_the_ui_saves_it_is_read_and_no_class_in_it_is_loaded(self, session: Session) -> None:
        add_run(session)
        value = {"create": 1, "other": {"__classname__": "nowhere.Class", "__version__": 1, "__data__": {}}}
        set_xcom(DAG_ID, RUN_ID, "plan_fan_out", "plan", session, json.dumps(value))
        session.commit()
        assert pages.xcom(DAG_ID, RUN_ID, "plan_fan_out", "plan") == value

    def test_a_task_that_is_tried_again_counts_once(self, session: Session) -> None:
        add_run(session)
        add_task(session, "success", 0)
        add_task(session, "up_for_retry", 1).prepare_db_for_next_try(session)
        session.commit()
        assert pages.task_states(DAG_ID, RUN_ID) == {"create_tickets": {"success": 1, "up_for_retry": 1}}

    def test_a_task_of_a_pool_has_begun_when_it_has_a_start_date(self, session: Session) -> None:
        add_run(session)
        add_task(session, "queued", 0)
        assert not pages.has_task_begun("limited")
        add_task(session, "running", 1, start_date=NOW)
        assert pages.has_task_begun("limited")
        assert not pages.has_task_begun("another")

    def test_the_slots_of_a_pool_are_those_that_airflow_has_set(self) -> None:
        assert pages.pool_slots("limited") == 0
        Pool.create_or_update_pool("limited", slots=16, description="", include_deferred=False)
        assert pages.pool_slots("limited") == 16

    def test_a_variable_is_what_airflow_has_set(self) -> None:
        assert pages.read_variable("name") == ""
        Variable.set("name", "a1b2")
        assert pages.read_variable("name") == "a1b2"

    def test_an_event_is_one_of_airflows_audit_log(self, session: Session) -> None:
        ann = SimpleAuthManagerUser(username="ann", role="admin")
        pages.audit(ann, "sso_tickets_revealed", DAG_ID, RUN_ID, rows=[1])
        [entry_id] = session.scalars(select(Log.id))
        shown = EventLogResponse.model_validate(get_event_log(entry_id, session), from_attributes=True, by_name=True)
        assert (shown.event, shown.owner, shown.dag_id, shown.run_id) == ("sso_tickets_revealed", "ann", DAG_ID, RUN_ID)
        assert shown.extra == '{"rows": [1]}'
        assert shown.dttm is not None


class TestApiServer:
    """What ``sso_ui.airflow`` assumes of the auth manager and the settings."""

    @pytest.fixture(autouse=True)
    def auth_manager(self) -> None:
        init_auth_manager()

    @pytest.fixture
    def browser(self) -> TestClient:
        """Return a client of an app behind Airflow's middleware, which answers with who asks, and how."""
        app = FastAPI()
        app.add_middleware(JWTRefreshMiddleware)

        @app.get("/who")
        def who(request: Request, user: User, token: BearerToken) -> list[Any]:
            return [user.get_name(), user is user_of_cookie(request), token is not None]

        @app.post("/dags/{dag_id}", dependencies=[Depends(requires_access("POST", RUN))])
        def start() -> None:
            """Answer who may start runs."""

        return TestClient(app)

    @staticmethod
    def token(name: str, role: str) -> str:
        return str(create_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role)))

    def test_the_user_of_a_cookie_is_another_object_than_that_of_a_token(self, browser: TestClient) -> None:
        assert browser.get("/who").status_code == 401
        header = {"Authorization": f"Bearer {self.token('robot', 'admin')}"}
        assert browser.get("/who", headers=header).json() == ["robot", False, True]
        browser.cookies.set(COOKIE_NAME_JWT_TOKEN, self.token("ann", "viewer"))
        assert browser.get("/who").json() == ["ann", True, False]
        assert browser.get("/who", headers=header).json() == ["robot", False, True]

    @pytest.mark.parametrize(("role", "may_start"), [("viewer", False), ("user", True)])
    def test_the_auth_manager_decides_who_may_do_what(self, browser: TestClient, role: str, may_start: bool) -> None:
        user = SimpleAuthManagerUser(username="ann", role=role)
        assert pages.can(user, "GET", RUN, DAG_ID)
        assert pages.can(user, "POST", RUN, DAG_ID) == may_start
        header = {"Authorization": f"Bearer {self.token('ann', role)}"}
        assert browser.post(f"/dags/{DAG_ID}", headers=header).status_code == (200 if may_start else 403)

    def test_the_settings_exist(self) -> None:
        settings = conf.configuration_description
        assert "base_url" in settings["api"]["options"]
        assert "max_map_length" in settings["core"]["options"]
        assert pages.max_map_length() == 1024

    def test_the_login_leads_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
        address = pages.login_address("/team/sso-tickets/runs?page=2")
        path, _, query = address.removeprefix("https://airflow.example.com/team").partition("?")
        assert "next" in inspect.signature(endpoint("GET", path)).parameters
        assert query == "next=%2Fteam%2Fsso-tickets%2Fruns%3Fpage%3D2"


def endpoint(method: str, path: str) -> Callable[..., Any]:
    """Return the function of Airflow's REST API that answers there."""
    routes: list[Any] = list(public_router.routes)
    [found] = [route.endpoint for route in routes if route.path == path and method in route.methods]
    answers: Callable[..., Any] = found
    return answers


@pytest.fixture(scope="module")
def script() -> str:
    """Return the script of Airflow's UI."""
    return "".join(file.read_text(encoding="utf-8") for file in (UI / "assets").glob("index-*.js"))


class TestUserInterface:
    """What the texts and the pages know of Airflow's own pages."""

    @staticmethod
    def addresses() -> Iterator[str]:
        """Return the addresses of Airflow's own pages, with ``*`` for each name in them."""
        texts = (PROJECT / "include" / "texts.py").read_text(encoding="utf-8")
        for parts in re.findall(r"ui_address\('dags', ([^)]*)\)", texts):
            literals = re.findall(r"'(\w+)'|[\w.]+", parts)
            yield "/".join(["dags", *(literal or "*" for literal in literals)])
        for template in (PROJECT / "plugins" / "sso_ui" / "templates").rglob("*.j2"):
            for address in re.findall(r'"\{\{ airflow \}\}/(dags/[^"]*)"', template.read_text(encoding="utf-8")):
                yield re.sub(r"\{\{.*?\}\}", "*", address)

    def test_the_pages_that_texts_and_templates_lead_to_exist(self, script: str) -> None:
        addresses = set(self.addresses())
        assert addresses == {"dags/*", "dags/*/runs/*", "dags/*/runs/*/tasks/approve/required_actions"}
        paths = set(re.findall(r"path:[`\"']([\w:/]+)[`\"']", script))
        assert {"dags/:dagId", "dags/:dagId/runs/:runId"} <= paths
        assert {"dags/:dagId/runs/:runId/tasks/:taskId", "required_actions"} <= paths

    def test_the_iframe_of_a_page_lets_it_run_scripts_send_forms_and_download(self, script: str) -> None:
        assert re.search(r"sandbox:[`\"']allow-scripts allow-same-origin allow-forms allow-downloads[`\"']", script)

    def test_the_ui_keeps_its_theme_where_the_pages_look(self, script: str) -> None:
        report_script = (PROJECT / "include/reports/webpage/script/theme.js").read_text(encoding="utf-8")
        found = re.findall(r'localStorage\.getItem\("(\w+)"\)', self.pages_script() + report_script)
        [key] = set(found)
        assert len(found) == 2
        assert re.search(rf"storageKey:\w+=[`\"']{key}[`\"']", script)

    def test_the_rest_api_starts_a_run_as_the_pages_ask_for_it(self) -> None:
        assert "${airflow}/api/v2/dags/${dag}/dagRuns" in self.pages_script()
        assert "body: JSON.stringify({ logical_date: null, conf: parameters(form), note })" in self.pages_script()
        start = endpoint("POST", "/api/v2/dags/{dag_id}/dagRuns")
        assert inspect.signature(start, eval_str=True).parameters["body"].annotation is TriggerDAGRunPostBody
        asked = TriggerDAGRunPostBody.model_validate({"logical_date": None, "conf": {"dry_run": True}, "note": "2"})
        assert (asked.conf, asked.note) == ({"dry_run": True}, "2")
        answer = inspect.signature(start, eval_str=True).return_annotation
        assert answer.model_fields["dag_run_id"].validation_alias in (None, "run_id")

    def test_the_audit_log_keeps_who_starts_a_run_with_its_parameters_and_its_note(self) -> None:
        """So a mailing that is started on a page needs no event of its own."""
        routes: list[Any] = list(public_router.routes)
        path = "/api/v2/dags/{dag_id}/dagRuns"
        [route] = [one for one in routes if one.path == path and "POST" in one.methods]
        (log_action,) = [
            one.dependency for one in route.dependencies if getattr(one.dependency, "__name__", "") == "log_action"
        ]
        sent = {"logical_date": None, "conf": {"organization_ids": ["org_1"]}, "note": "Mail: 2 mails"}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps(sent).encode()}

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "endpoint": route.endpoint}
        headers = [(b"content-type", b"application/json")]
        request = Request({**scope, "headers": headers, "path_params": {"dag_id": DAG_ID}}, receive)
        kept: list[Log] = []
        session = SimpleNamespace(add=kept.append, commit=lambda: None)
        asyncio.run(log_action(request, session, SimpleNamespace(get_name=lambda: "ann")))
        (log,) = kept
        assert (log.owner, log.dag_id) == ("ann", DAG_ID)
        extra = json.loads(str(log.extra))
        assert (extra["conf"], extra["note"]) == (sent["conf"], sent["note"])

    @staticmethod
    def pages_script() -> str:
        return (PROJECT / "plugins" / "sso_ui" / "static" / "pages.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("dag_id", ["create_sso_tickets", "revoke_sso_tickets"])
def test_a_link_that_a_dag_gives_a_task_afterwards_is_one_of_the_stored_task(dag_id: str) -> None:
    dag = DagBag(PROJECT / "dags" / f"{dag_id}.py").dags[dag_id]
    [instance] = [one for one in dag.tasks if one.task_id == "export_report"]
    assert [link.name for link in instance.prepare_for_execution().operator_extra_links] == ["Report"]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("export_report")
    assert stored.extra_links == ["Report"]


def test_the_smtp_hook_makes_its_connection_by_the_method_that_is_replaced_and_asks_for_its_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So each reply of the mail server has a bound, and nothing is repeated that may have been sent."""
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", '{"conn_type": "smtp", "extra": {"disable_tls": true}}')
    asked: list[str] = []

    class Hook(SmtpHook):
        @property
        def smtp_retry_limit(self) -> int:
            asked.append("attempts")
            return 0

        def _build_client(self) -> Any:
            asked.append("client")
            return SimpleNamespace()

    Hook().get_conn()
    assert asked == ["attempts", "client"]
    assert {"host", "port", "timeout", "use_ssl"} <= {name for name in dir(SmtpHook) if not name.startswith("_")}
    assert list(inspect.signature(SmtpHook._build_ssl_context).parameters) == ["self"]


def test_aiohttp_connects_by_the_method_that_the_connector_replaces(httpserver: HTTPServer) -> None:
    """Each request takes its slot when it is connected, before it leaves."""
    httpserver.expect_request("/").respond_with_data("")
    received: list[int] = []

    async def acquire() -> None:
        received.append(len(httpserver.log))

    async def run() -> None:
        async with aiohttp.ClientSession(connector=RateLimitedConnector()) as client:
            for _ in range(2):
                current_slot.set(SimpleNamespace(acquire=acquire))  # type: ignore[arg-type]
                async with client.post(httpserver.url_for("/")) as answer:
                    assert answer.status == 200

    asyncio.run(run())
    assert received == [0, 1]
