"""A local server that behaves like an Auth0 tenant, for demos, benchmarks and tests."""
