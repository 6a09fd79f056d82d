"""A page wide and light, narrow and dark, and what is wrong with it in either."""

from collections.abc import Iterator
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

Scheme = Literal["light", "dark"]
WIDE: tuple[int, Scheme] = (1400, "light")
NARROW: tuple[int, Scheme] = (360, "dark")
"""A width in pixels, and a color scheme."""
VIOLATIONS = """() => axe.run({ resultTypes: ["violations"] })
  .then((found) => found.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`))"""
BEYOND_THE_EDGE = """(selector) => [...document.querySelectorAll(selector)]
  .filter((found) => found.getClientRects().length && found.getBoundingClientRect().right > innerWidth)
  .map((found) => found.textContent.trim())"""


def look(page: Page, width: int, scheme: Scheme) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no color is on its way to another


def wrong_in_either_look(page: Page) -> Iterator[str]:
    """Axe violations, and what is out of sight to the right.

    The page is not loaded for each look: its styles alone tell them apart.
    """
    for width, scheme in (WIDE, NARROW):
        look(page, width, scheme)
        for found in _wrong(page):
            yield f"{page.url} at {width} pixels, {scheme}: {found}"


def _wrong(page: Page) -> Iterator[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    yield from page.evaluate(VIOLATIONS)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "scrolls sideways"
    for selector in ("table.stacks td, table.stacks tbody th", ".places a"):
        for text in page.evaluate(BEYOND_THE_EDGE, selector):
            yield f"beyond the edge: {text}"
