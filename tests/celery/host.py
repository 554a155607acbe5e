"""The name of a worker's host, which Airflow records with each task; all workers of these tests run on one host."""

from __future__ import annotations

import os

HOST_VARIABLE = "SSO_TICKETS_TEST_HOST"


def name() -> str:
    """Return the name that a worker was given."""
    return os.environ[HOST_VARIABLE]
