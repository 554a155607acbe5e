"""What can be said of the Docker image without building it."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
DOCKER_LOCK = (PROJECT / "requirements-docker.lock").read_text(encoding="utf-8")
AIRFLOW_VERSION = "3.3.2"
SAMPLE = "include/data/prospects.csv"


def test_the_image_is_the_airflow_that_the_requirements_pin() -> None:
    assert f"FROM apache/airflow:{AIRFLOW_VERSION}\n" in DOCKERFILE
    requirements = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    assert f"apache-airflow=={AIRFLOW_VERSION}\n" in requirements


def test_the_image_has_what_is_pinned_and_leaves_out_what_only_tests_and_lint_need() -> None:
    runtime, tests, docker = (
        (PROJECT / f"requirements{part}.txt").read_text(encoding="utf-8") for part in ("", "-dev", "-docker")
    )
    runtime += docker
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", DOCKER_LOCK, re.MULTILINE))
    pins, others = (dict(re.findall(r"^([\w.-]+)==(\S+)$", part, re.MULTILINE)) for part in (runtime, tests))
    assert len(pins) > 20
    assert {name: locked.get(name) for name in pins} == pins, "make lock"
    only_for_tests = {name: version for name, version in others.items() if name not in pins}
    assert len(only_for_tests) > 10
    assert locked.keys().isdisjoint(only_for_tests)
    assert {name: pins[name] for name in others.keys() & pins.keys()}.items() <= others.items(), "one version of each"


def test_nothing_is_installed_in_the_image_whose_hash_is_not_known() -> None:
    packages = [line for line in DOCKER_LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(packages) > 100
    assert [line for line in packages if not line.endswith(" \\")] == [], "a hash follows"
    locked, project = re.findall(r"pip install (.*)", DOCKERFILE)
    assert {"--require-hashes", "--only-binary=:all:", "/opt/airflow/requirements-docker.lock"} <= set(locked.split())
    assert {"--no-deps", "--no-build-isolation"} <= set(project.split())


def test_the_build_context_has_what_the_image_copies_and_nothing_else() -> None:
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copies = re.findall(r"^COPY (?:--\S+ )*(.*) \S+$", DOCKERFILE, re.MULTILINE)
    assert rules[0] == "*"
    assert let_in - {SAMPLE} == {source for copied in copies for source in copied.split()}


def test_data_of_customers_is_neither_in_the_image_nor_in_version_control() -> None:
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored.index("!include") < ignored.index("include/data/*") < ignored.index(f"!{SAMPLE}")
    not_in_git = set((PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines())
    assert {"/data/", "/include/data/*.csv", "/reports/", "*.dump"} <= not_in_git
