"""The sandbox's HTTP endpoints: the Management API and the token endpoint."""
