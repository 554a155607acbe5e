"""
Access tickets of Auth0's self-service SSO for Apache Airflow: hook, operators, rate limit and ledger.

Auth0's name for the product is Self-Service Enterprise Configuration, since April 2026.
"""

__version__ = "0.1.0"
