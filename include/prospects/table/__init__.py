"""From a file's bytes to a table of cells."""
