"""A page in several widths and both color schemes, and what is wrong with it there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

Scheme = Literal["light", "dark"]
WIDE: tuple[int, Scheme] = (1440, "light")
NARROW: tuple[int, Scheme] = (360, "dark")
"""A width in pixels, and a color scheme."""
WIDTHS = (1440, 1024, 800, 390)
"""A wide window, a laptop, a tablet and a phone."""
OPTIONS = {
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": {"assets": ["media"]},
}
"""axe's own rules, and the one that only Lighthouse switches on; without details of what is right, and without a copy of all
styles, which none of these rules asks for and which takes a sixth of the time."""
RUN_AXE = """async (options) => (await axe.run(document, options)).violations
  .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`)"""
MEASURE = (Path(__file__).parent / "boxes.js").read_text(encoding="utf-8")


def look(page: Page, width: int, scheme: Scheme) -> None:
    _resize(page, width)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no color is on its way to another


def wrong_in_any_look(page: Page) -> Iterator[str]:
    """Both below, with each width measured once. The page is not loaded again: its styles alone tell the looks apart."""
    yield from _violations(page, *WIDE)
    yield from wrong_at_any_width(page)
    yield from _violations(page, *NARROW)
    yield from _wrong_boxes(page, NARROW[0])


def wrong_in_either_look(page: Page) -> Iterator[str]:
    """Axe violations, and what is out of sight to the right, in a wide and a narrow window."""
    for width, scheme in (WIDE, NARROW):
        yield from _violations(page, width, scheme)
        yield from _wrong_boxes(page, width)


def wrong_at_any_width(page: Page) -> Iterator[str]:
    """What is wrong with the page's boxes. Their places are the same in dark, which changes colors alone."""
    for width in WIDTHS:
        _resize(page, width)
        yield from _wrong_boxes(page, width)


def _resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})


def _violations(page: Page, width: int, scheme: Scheme) -> Iterator[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    look(page, width, scheme)
    for found in page.evaluate(RUN_AXE, OPTIONS):
        yield f"{page.url} at {width} pixels, {scheme}: {found}"


def _wrong_boxes(page: Page, width: int) -> Iterator[str]:
    for found in page.evaluate(MEASURE, width):
        yield f"{page.url} at {width} pixels: {found}"
