"""The cells of delivery columns as HTML. A page of fifty events has hundreds, of a few kinds: each kind is written once."""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.delivery.words import MARKS, word_of
from dashboard.rendering.text import shorten, visible
from eventstore.delivery import Deliveries, Delivery

NAME_CHARACTERS = 24
_CELL = (
    '<td class="delivery" data-label="{}" data-delivery="{}" title="{}: {}">'
    '<span class="mark-{}" aria-hidden="true">{}</span><span class="visually-hidden">{}</span></td>'
)
NO_CELL = SafeString('<td class="delivery"></td>')
"""Where the event's topic has no such subscription."""


def rows_of(names: Sequence[str], deliveries: Sequence[Deliveries]) -> list[SafeString]:
    """The cells of each row, one for each of these subscriptions."""
    written: dict[tuple[str, str], SafeString] = {}

    def cell(name: str, delivery: Delivery) -> SafeString:
        word = word_of(delivery)
        if (name, word) not in written:
            written[name, word] = _cell(name, delivery, word)
        return written[name, word]

    def row(found: Mapping[str, Delivery]) -> SafeString:
        return SafeString("".join(cell(name, found[name]) if name in found else NO_CELL for name in names))

    return [row(found) for found in deliveries]


def _cell(name: str, delivery: Delivery, word: str) -> SafeString:
    tone, mark = MARKS[delivery.state]
    seen = visible(name)
    return format_html(_CELL, shorten(seen, NAME_CHARACTERS), delivery.state.value, seen, word, tone, mark, word)
