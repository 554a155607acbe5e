"""The part of Airflow's REST API that the demo and the end-to-end tests use."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from tenacity import retry, retry_if_exception, stop_after_attempt

_TIMEOUT = 90.0  # on a busy machine, the first request of a task keeps the API server for over half a minute
# Without the environment's proxy, which can't reach what listens on this machine only.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiError(RuntimeError):
    """Airflow refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Airflow answered {status}: {message}")
        self.status = status


def _found_database_busy(error: BaseException) -> bool:
    """Whether the request has changed nothing because the database was busy, see :mod:`dev.local.sqlite`."""
    return isinstance(error, ApiError) and error.status == 500 and '"Database error"' in str(error)


class AirflowApi:
    """
    Airflow's REST API, https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html.

    :param url: Airflow's address on this machine.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self._token = ""
        self._token = self._call("POST", "/auth/token", {"username": username, "password": password})["access_token"]

    def unhealthy(self) -> list[str]:
        """Return those of its parts that are not healthy: database, scheduler and DAG processor."""
        health = self.get("/api/v2/monitor/health")
        parts = {"metadatabase": "database", "scheduler": "scheduler", "dag_processor": "DAG processor"}
        return [name for part, name in parts.items() if health[part]["status"] != "healthy"]

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs."""
        return {dag["dag_id"] for dag in self.get("/api/v2/dags?limit=100")["dags"]}

    def set_pool(self, name: str, slots: int) -> None:
        """Resize a pool, or create it."""
        pool = {"slots": slots, "include_deferred": False}
        try:
            self.patch(f"/api/v2/pools/{name}?update_mask=slots", {"pool": name, **pool})
        except ApiError as error:
            if error.status != 404:
                raise
            self._call("POST", "/api/v2/pools", {"name": name, **pool})

    def pools(self) -> dict[str, int]:
        """Return the pools' slots by name."""
        return {pool["name"]: pool["slots"] for pool in self.get("/api/v2/pools?limit=100")["pools"]}

    def delete_pool(self, name: str) -> None:
        """Delete a pool, as a person might by mistake."""
        self._call("DELETE", f"/api/v2/pools/{name}")

    def set_connection(self, connection_id: str, **fields: Any) -> None:
        """Create a connection, or replace it; ``extra`` is a mapping."""
        fields = {**fields, "extra": json.dumps(fields.get("extra") or {})}
        try:
            self._call("DELETE", f"/api/v2/connections/{connection_id}")
        except ApiError as error:
            if error.status != 404:
                raise
        self._call("POST", "/api/v2/connections", {"connection_id": connection_id, **fields})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run; return its id."""
        run = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run as the REST API describes it."""
        run: dict[str, Any] = self.get(_path_of(dag_id, run_id))
        return run

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        path = f"{_path_of(dag_id, run_id)}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(f"{path}?limit=100&offset={len(found)}")
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return an XCom's value."""
        path = f"{_path_of(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(f"{path}?map_index={map_index}&deserialize=true")["value"]

    def clear(self, dag_id: str, run_id: str, task_ids: list[Any]) -> None:
        """Clear tasks of a run, each an id or ``[id, map index]``, and what is downstream of them."""
        body = {"dag_run_id": run_id, "task_ids": task_ids, "dry_run": False, "only_failed": False}
        body |= {"reset_dag_runs": True, "include_downstream": True}
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def text(self, path: str, *, logged_in: bool = True) -> str:
        """Return a page's text."""
        return self._send("GET", path, None, logged_in=logged_in).decode()

    def get(self, path: str) -> Any:
        """Return the JSON at a path of the API."""
        return self._call("GET", path)

    def patch(self, path: str, body: Any) -> Any:
        """Change what is at a path of the API."""
        return self._call("PATCH", path, body)

    def end(self, dag_id: str, run_id: str) -> None:
        """Mark a run failed, so that it ends."""
        self.patch(_path_of(dag_id, run_id), {"state": "failed"})

    @retry(retry=retry_if_exception(_found_database_busy), stop=stop_after_attempt(3), reraise=True)
    def _call(self, method: str, path: str, body: Any = None) -> Any:
        raw = self._send(method, path, body)
        return json.loads(raw) if raw else None

    def _send(self, method: str, path: str, body: Any, *, logged_in: bool = True) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/html"}
        if self._token and logged_in:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with DIRECTLY.open(request, timeout=_TIMEOUT) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, error.read(2000).decode("utf-8", "replace")) from None


def _path_of(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
