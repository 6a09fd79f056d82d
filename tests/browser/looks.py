"""A page in several widths and both color schemes, and what is wrong with it there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

Scheme = Literal["light", "dark"]
WIDE: tuple[int, Scheme] = (1400, "light")
NARROW: tuple[int, Scheme] = (360, "dark")
"""A width in pixels, and a color scheme."""
WIDTHS = (1440, 1024, 800, 390)
"""A wide window, a laptop, a tablet and a phone."""
OPTIONS = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
"""axe's own rules, and the one that only Lighthouse switches on; without details of what is right."""
RUN_AXE = """async (options) => (await axe.run(document, options)).violations
  .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`)"""
MEASURE = (Path(__file__).parent / "boxes.js").read_text(encoding="utf-8")


def look(page: Page, width: int, scheme: Scheme) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no color is on its way to another


def wrong_in_either_look(page: Page) -> Iterator[str]:
    """Axe violations, and what is out of sight to the right.

    The page is not loaded for each look: its styles alone tell them apart.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for width, scheme in (WIDE, NARROW):
        look(page, width, scheme)
        for found in page.evaluate(RUN_AXE, OPTIONS):
            yield f"{page.url} at {width} pixels, {scheme}: {found}"
        yield from _wrong_boxes(page, width)


def wrong_at_any_width(page: Page) -> Iterator[str]:
    """What is wrong with the page's boxes. Their places are the same in dark, which changes colors alone."""
    for width in WIDTHS:
        look(page, width, "light")
        yield from _wrong_boxes(page, width)


def _wrong_boxes(page: Page, width: int) -> Iterator[str]:
    for found in page.evaluate(MEASURE, width):
        yield f"{page.url} at {width} pixels: {found}"
