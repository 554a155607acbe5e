"""White space between a quote and the separator, which the csv module refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def without_space_around_quotes(lines: Iterable[str], separator: str) -> Iterator[str]:
    """Yield the lines without the white space around their quoted cells, which the csv module would not take."""
    space = rf"[^\S\r\n{re.escape(separator)}]*+"
    quoted = re.compile(rf'(\A|{separator}){space}("(?:[^"]++|"")*+)(?:("){space}(?=[{separator}\r\n]|\Z))?')
    is_open = False

    def tidied(cell: re.Match[str]) -> str:
        nonlocal is_open
        is_open = cell[3] is None
        return cell[1] + cell[2] + (cell[3] or "")

    for line in lines:
        if '"' not in line:
            yield line
            continue
        lead = '"' if is_open else ""  # with it, the rest of an open cell looks like any quoted cell
        yield quoted.sub(tidied, lead + line)[len(lead) :]
