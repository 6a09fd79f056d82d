"""By which ways alerts go out, as the configuration and the environment say."""

from collections.abc import Sequence

from django.conf import settings

MAIL, WEBHOOK = "mail", "webhook"


def channels() -> Sequence[str]:
    found = []
    if settings.EVENTDESK.alerts.mail and settings.MAIL_IS_SET_UP:
        found.append(MAIL)
    if settings.EVENTDESK_ALERT_WEBHOOK:
        found.append(WEBHOOK)
    return found


def own_address() -> str:
    """Where people open this desk, without a slash at its end: as the configuration says, or as the hosts tell."""
    given: str = settings.EVENTDESK.alerts.address
    if given:
        return given.rstrip("/")
    if settings.CSRF_TRUSTED_ORIGINS:
        return str(settings.CSRF_TRUSTED_ORIGINS[0])
    return f"{'https' if settings.BEHIND_TLS else 'http'}://{settings.ALLOWED_HOSTS[0].lstrip('.')}"
