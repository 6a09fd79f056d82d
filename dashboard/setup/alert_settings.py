"""Whether alerts can be sent as the configuration and the environment say."""

from urllib.parse import urlsplit

from django.conf import settings

from eventstore.config import SHORTEST_SECRET

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def alert_problem() -> str:
    """Why they cannot, in a sentence without the webhook's address, which may hold a secret; or an empty string."""
    if settings.EVENTDESK.alerts.mail and not settings.MAIL_IS_SET_UP:
        return "alerts.mail names mail addresses, but EVENTDESK_MAIL_URL is missing: say where mail is sent."
    address = settings.EVENTDESK_ALERT_WEBHOOK
    if not address:
        return ""
    if not _is_address(address):
        return "EVENTDESK_ALERT_WEBHOOK is not like https://alerts.example.org/eventdesk (http for this machine only)."
    if len(settings.EVENTDESK_HOOK_SECRET) < SHORTEST_SECRET:
        return (
            "EVENTDESK_ALERT_WEBHOOK is set, but EVENTDESK_HOOK_SECRET is missing or too short: set it to a long random text "
            f"({SHORTEST_SECRET} characters at least) that the service called knows too."
        )
    return ""


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    plain = not any(sign.isspace() or not sign.isprintable() for sign in text)
    return safe and plain and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
