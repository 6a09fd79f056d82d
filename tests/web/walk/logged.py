"""Every line of every logger, from ``DEBUG`` on.

But for Django's templates: they log a traceback for each name that a template may lack, thousands a second.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.running.log_lines import LogFormatter


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(LogFormatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


TALKATIVE = "django.template"


@contextmanager
def everything_logged(*, templates: bool = False) -> Iterator[list[str]]:
    """The lines that are logged in the block, as the desk's formatter writes them."""
    handler, root = _Lines(), logging.getLogger()
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    levels = {logger: logger.level for logger in (root, *named)}
    listened = [root, *(logger for logger in named if not logger.propagate)]
    for logger in listened:
        logger.addHandler(handler)
    for logger in levels:
        logger.setLevel(logging.DEBUG if templates or logger.name != TALKATIVE else logging.INFO)
    try:
        yield handler.lines
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        for logger in listened:
            logger.removeHandler(handler)
