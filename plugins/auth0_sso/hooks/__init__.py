"""Auth0Hook, its connection, its access token and its HTTP transport."""
