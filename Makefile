# Every target does its own set-up in .venv; needs Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
export PYTHONPATH := $(CURDIR)
# Else each of a hundred processes compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-browser test-celery test-tenant lint chaos bench env lock

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with all that is needed

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q dags plugins include dev
	@touch $@

demo: setup ## Run the whole thing here: sandbox tenant, Airflow, sample CSV, report
	$(BIN)/python -m dev.local demo

up: setup ## The same, kept running; prints the UI's address and login
	$(BIN)/python -m dev.local up

down: ## Stop what 'make up' has started
	@test ! -x $(BIN)/python || $(BIN)/python -m dev.local down

test: setup ## All tests, end to end too
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder tests/e2e tests/integration tests/dags tests/contract tests/unit

test-browser: setup ## A person's way through the pages, in headless Chromium (Debian's package chromium)
	$(BIN)/python -m pytest tests/browser

test-celery: setup ## Two Celery workers at the limit, beside a second client, and killed (5 minutes; needs PostgreSQL and Redis)
	$(BIN)/python -m pytest tests/celery

test-tenant: setup ## Compare a test tenant of yours, that of AIRFLOW_CONN_AUTH0_DEFAULT, with the sandbox; asks first
	$(BIN)/python -m tests.contract

lint: setup ## Style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=$(CURDIR):$(CURDIR)/plugins $(BIN)/lint-imports --no-logo

chaos: setup ## Kill Airflow over and over while it creates and mails links, and audit the result (25 minutes; needs PostgreSQL)
	$(BIN)/python -m tests.chaos

bench: setup ## Measure, compared with the naive way (about 25 minutes)
	$(BIN)/python -m tests.bench

env: ## Write .env with new secrets, for docker compose
	@$(PYTHON) -m dev.local.env

lock: ## Renew the locks: of production, of tests and lint, of the Docker image
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(COMPILE) --output-file requirements.lock requirements.txt
	$(COMPILE) --constraints requirements.lock --output-file requirements-dev.lock requirements-dev.txt
# The image gets the versions of the tests, except where Airflow's other providers need different ones.
	cp requirements.lock requirements-docker.lock
	$(COMPILE) --output-file requirements-docker.lock requirements.txt requirements-docker.txt
