"""The check of an uploaded CSV: the line that it waits in, the processes that do it, and what they count."""
