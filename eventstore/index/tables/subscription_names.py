"""Names of subscriptions as columns that are looked up. A store takes any name: longer ones than a key of PostgreSQL's may be
(2,704 bytes with all its columns), and with signs that its texts cannot hold.
"""

import re
from hashlib import sha256

LONGEST = 1_000
"""Bytes, in UTF-8: a topic's name has to fit beside it."""
HASHED = "sha256:"
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def stored_name(name: str) -> str:
    """Return the name; or, if it cannot be stored as it is, ``sha256:`` and its hash. No two names are stored as one."""
    data = name.encode(errors="surrogatepass")
    if len(data) > LONGEST or _NOT_TEXT.search(name) or name.startswith(HASHED):
        return HASHED + sha256(data).hexdigest()
    return name
