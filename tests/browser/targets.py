"""What a hand can press on a page, and which of it is too small."""

from collections.abc import Sequence

from playwright.sync_api import Page

PRESSED = "a[href], button, summary, input:not([type=hidden]), select, textarea"
BUTTONS = ".button, header button, header input, .places a"
TOO_SMALL = """([selector, least]) => [...document.querySelectorAll(selector)]
  .filter((found) => found.getClientRects().length && !found.closest(".visually-hidden"))
  .map((found) => {
    const parts = [found, ...(["radio", "checkbox"].includes(found.type) ? found.labels : [])];
    const height = Math.max(...parts.map((part) => part.getClientRects()[0].height));
    const width = found.matches("button, input") ? Math.max(...parts.map((part) => part.getClientRects()[0].width)) : least;
    return { height, width, html: found.outerHTML.slice(0, 160) };
  })
  .filter(({ height, width }) => Math.min(height, width) < least - 0.1)
  .map(({ height, width, html }) => `${width.toFixed(1)} × ${height.toFixed(1)}: ${html}`)"""
WITHOUT_KEYS = """() => [
  ...[...document.querySelectorAll("main :is(table, ul.attention, ul.plain-list, ol.timeline):not([data-lines])")]
    .filter((list) => list.querySelector(":is(tbody tr, li) a[href]")),
  ...[...document.querySelectorAll("a[data-line]")].filter((link) => !link.closest("[data-lines]")),
].map((found) => found.outerHTML.slice(0, 160))"""


def too_small(page: Page, selector: str = PRESSED, least: int = 24) -> Sequence[str]:
    """What is visible and can be pressed, and is less high than this many pixels, or is a button or field and less wide."""
    found: list[str] = page.evaluate(TOO_SMALL, [selector, least])
    return found


def lists_without_keys(page: Page) -> Sequence[str]:
    """Lists of links through which ``j`` and ``k`` do not go."""
    found: list[str] = page.evaluate(WITHOUT_KEYS)
    return found
