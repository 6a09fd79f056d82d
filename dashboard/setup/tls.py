"""What an installation behind TLS tells browsers. Knows nothing of Django, because the settings module imports it."""

from eventstore.model import InvalidConfiguration

YEAR = 365 * 24 * 3600


def hsts_seconds(given: str) -> int:
    """For how many seconds browsers use nothing but TLS: those of ``EVENTDESK_HSTS``, a year if it is empty, 0 for not at all.

    Raises ``InvalidConfiguration`` for anything but a whole number of at most nine digits.
    """
    text = given.strip()
    if not text:
        return YEAR
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidConfiguration(f"EVENTDESK_HSTS must be a whole number of seconds, not {given!r}.")
    return int(text)
