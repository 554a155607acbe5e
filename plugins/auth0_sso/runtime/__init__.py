"""Rate limit, pool, retries, timeouts, event loop and worker pool."""
