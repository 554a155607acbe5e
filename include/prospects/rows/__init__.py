"""From a row's cells to a checked request."""
