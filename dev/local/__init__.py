"""Airflow and the sandbox tenant on this machine: for the demo, ``make up`` and the end-to-end tests."""
