"""Auth0 self-service SSO access tickets for Apache Airflow: hook, operators, rate limit and ledger."""

__version__ = "0.1.0"
