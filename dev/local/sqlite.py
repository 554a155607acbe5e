"""
How long Airflow's API server waits for SQLite's write lock.

Airflow 3.3.2 writes its audit log on the API server's event loop (``action_logging``). If a request that holds the lock
needs that loop to commit, both wait until one gives up, and no other request is served until then. So the server gives
up early: it responds ``Database error``, and the request has changed nothing.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_is_sqlite = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "").startswith("sqlite")

CONNECT_ARGS: dict[str, Any] = {"timeout": 5.0} if _is_sqlite and "api-server" in sys.argv else {}
"""For ``[database] sql_alchemy_connect_args``; seconds. The other processes wait as long as the URL says."""
