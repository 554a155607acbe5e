"""How work runs: rate limit, pool, retries, timeouts, event loop."""
