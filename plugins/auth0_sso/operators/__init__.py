"""The operators, and their extra links."""
