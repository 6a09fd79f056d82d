"""Where mail is sent, from one address. Knows nothing of Django, because the settings module imports it."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from eventstore.model import InvalidConfiguration

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """``host`` is empty where no mail is sent."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    ssl: bool = False
    starttls: bool = False


def mail_of(url: str) -> Mail:
    """``smtp://``, ``smtps://`` or ``smtp+starttls://``, with user and password if the server asks for them; empty for none.

    Raises ``InvalidConfiguration``, without the password.
    """
    if not url:
        return Mail()
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise InvalidConfiguration("EVENTDESK_MAIL_URL is not like smtp+starttls://user:password@mail.example.org:587")
    return Mail(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ssl=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp+starttls",
    )
