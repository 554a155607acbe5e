"""What a developer's machine needs and production does not: a sandbox tenant, a local Airflow, the demo."""
