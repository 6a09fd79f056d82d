"""How the log is written, as the environment says. Knows nothing of Django, because the settings module imports it."""

from typing import Any

from eventstore.model import InvalidConfiguration

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
ALSO = ("WARN", "FATAL")
"""Python's other names for two of them."""
LINES, JSON = "lines", "json"
OWN = "eventdesk"
"""The loggers of requests and of what commands report."""
SILENT = {"channels_redis": {"level": "CRITICAL"}}
"""It tells each second that Redis is away; ``dashboard.hints`` tells it once."""


def logging_of(format: str, level: str) -> dict[str, Any]:
    """``LOGGING`` for these values of ``EVENTDESK_LOG_FORMAT`` and ``EVENTDESK_LOG``; ``InvalidConfiguration``.

    As JSON the log has a line for each request and for what commands report, whatever the level: programs that collect it
    count by them. As lines for people it has one from INFO on.
    """
    if format not in ("", LINES, JSON):
        raise InvalidConfiguration(f"EVENTDESK_LOG_FORMAT is {LINES} or {JSON}, not {format!r}.")
    if level not in (*LEVELS, *ALSO):
        raise InvalidConfiguration(f"EVENTDESK_LOG is one of {', '.join(LEVELS)}, not {level!r}.")
    line = {"()": "dashboard.running.log_lines.LogFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    as_json = format == JSON
    handler = "dashboard.running.json_lines.JsonHandler" if as_json else "logging.StreamHandler"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "dashboard.running.json_lines.JsonFormatter"} if as_json else line},
        "handlers": {"console": {"class": handler, "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": SILENT | ({OWN: {"level": "INFO"}} if as_json else {}),
    }
