"""Where Redis is, from one address. Knows nothing of Django, because the settings module imports it."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from eventstore.model import InvalidConfiguration

PORT = 6379
MOST_DATABASES = 10_000
AUTHORITIES = "ssl_ca_certs"
"""The one part of the query: a file with the authorities that may vouch for Redis's certificate."""
FORM = "EVENTDESK_REDIS is not like rediss://user:password@redis.example.org:6379/0"
SIGNS = "in user and password, signs other than letters, digits, - . _ and ~ are written as %XX"


def redis_of(url: str) -> Mapping[str, Any]:
    """What a connection needs, by the names of redis-py; empty where no Redis is set up.

    ``redis://`` or, with TLS, ``rediss://``; user, password, port and number of the database may be left out. Raises
    ``InvalidConfiguration``, without the password.
    """
    if not url:
        return {}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    database = parts.path.removeprefix("/") or "0"
    fits = parts.scheme in ("redis", "rediss") and parts.hostname and port != 0 and not parts.fragment
    if not fits or not (database.isascii() and database.isdigit() and int(database[:9]) < MOST_DATABASES):
        raise InvalidConfiguration(f"{FORM} ({SIGNS}).")
    if parts.username and not parts.password:
        raise InvalidConfiguration("EVENTDESK_REDIS names a user without a password.")
    found: dict[str, Any] = {"host": parts.hostname, "port": port or PORT, "db": int(database)}
    if parts.password:
        found["password"] = unquote(parts.password)
    if parts.username:
        found["username"] = unquote(parts.username)
    return found | _tls(parts)


def _tls(parts: SplitResult) -> dict[str, Any]:
    """The certificate is always checked, and that it is one of this host."""
    query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=10))
    if query.keys() - {AUTHORITIES} or (query and parts.scheme != "rediss"):
        raise InvalidConfiguration(f"EVENTDESK_REDIS may have {AUTHORITIES} in its query, with rediss://, and nothing else.")
    if parts.scheme != "rediss":
        return {}
    if AUTHORITIES not in query:
        return {"ssl": True}
    file = query[AUTHORITIES]
    if not os.access(file, os.R_OK):
        raise InvalidConfiguration(f"EVENTDESK_REDIS names {file!r} as {AUTHORITIES}, and that file cannot be read.")
    return {"ssl": True, AUTHORITIES: file}
