"""Waiting for what comes a moment later than the page that it is to be on."""

import time
from collections.abc import Collection

from playwright.sync_api import Page

PATIENCE = 60.0
"""Seconds after which something that must happen counts as not happening. Far more than it ever needs."""


def until_it_has(page: Page, url: str, *texts: str) -> None:
    """Wait until this address exists and has these texts: the index has an event a moment after it was published.

    It is asked for outside of the page. The browser reports a missing page as an error of the page's.
    """
    until = time.monotonic() + PATIENCE
    while not _has(page, url, texts):
        assert time.monotonic() < until, f"not there in time: {url}"
        page.wait_for_timeout(200)


def _has(page: Page, url: str, texts: Collection[str]) -> bool:
    answer = page.request.get(url)
    return answer.ok and all(text in answer.text() for text in texts)
