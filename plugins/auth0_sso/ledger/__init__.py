"""The database of what was requested and what came back."""
