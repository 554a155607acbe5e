"""Auth0 self-service SSO access tickets for Apache Airflow: hook, operators, pacing and ledger."""

__version__ = "0.1.0"
