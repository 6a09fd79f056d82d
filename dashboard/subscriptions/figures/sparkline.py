"""A small chart of one figure over the last hour, as SVG in the line of a table. It says the same in words."""

from collections.abc import Sequence
from html import escape

from dashboard.rendering.text import format_number

WIDTH, HEIGHT = 72, 18
EDGE = 1
"""Units that stay free above and below, so that the line is not cut."""
SECONDS = 3600


def sparkline(points: Sequence[tuple[int, int]], what: str) -> str:
    """Draw these points (seconds since 1970, figure), oldest first, over the hour that ends with the last. Nothing for less
    than two. ``what`` begins the words: "Waiting"."""
    if len(points) < 2:
        return ""
    end, most = points[-1][0], max(value for _, value in points)
    scale = (HEIGHT - 2 * EDGE) / most if most else 0
    line = " ".join(
        f"{max(0.0, WIDTH - (end - at) * WIDTH / SECONDS):.1f},{HEIGHT - EDGE - value * scale:.1f}" for at, value in points
    )
    minutes = max(1, round((end - points[0][0]) / 60))
    words = (
        f"{what}, {minutes} min ago: {format_number(points[0][1])}; at most {format_number(most)}; "
        f"now {format_number(points[-1][1])}"
    )
    return (
        f'<svg class="trend-line" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{escape(words)}"><title>{escape(words)}</title><polyline points="{line}"/></svg>'
    )
