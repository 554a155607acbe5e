"""
The names from a CSV, as far as a mail may show them.

Who writes a CSV's cell is often the customer: a form of a web site has been filled in. A name in a mail must not say
more than a name can. So one that a mail program would make a link of is left out, and the mail is impersonal.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from auth0_sso.models import HIDDEN_CHARACTERS

MAX_NAME_CHARACTERS = 100

_LINK = re.compile(
    r"""
    :// | www\. | @ | \\\\
    | \w:\S                          # mailto:ada, tel:+1
    | [^\s.] [.\u3002] [^\s.]{2}     # acme.example: many programs link each known ending. J.R.R. and Dr. Ada stay
    | (?: \d+ \. ){3} \d             # an IP address
    | (?: \d \W* ){7}                # telephone numbers, which phones link
    """,
    re.IGNORECASE | re.VERBOSE,
)


def safe_name(name: str) -> str:
    """Return a name for the text of a mail; empty if it is none, or could be more than a name there."""
    bare = name.strip()
    if len(bare) > MAX_NAME_CHARACTERS or HIDDEN_CHARACTERS.search(bare):
        return ""
    # A program may take a full-width letter or dot for the plain one.
    if _LINK.search(normalize("NFKC", bare)):
        return ""
    return " ".join(bare.split())
