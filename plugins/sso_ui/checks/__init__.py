"""The check of an uploaded file: the line that it waits in, the processes that do it, and what they count."""
