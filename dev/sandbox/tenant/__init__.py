"""The sandbox tenant's state: tickets, tokens, rate limit, settings."""
