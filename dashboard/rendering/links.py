"""Addresses of the pages that an event's line links to. Built as text, because a page of fifty events needs a hundred."""

from functools import lru_cache
from urllib.parse import quote_plus

from dashboard.rendering.url_segments import address
from eventstore.model import Position

_quote = lru_cache(maxsize=256)(quote_plus)


def event_url(event_id: str, position: Position) -> str:
    """The page of the event at this position. The id alone does not do: it may exist twice, or not be indexed yet."""
    at = f"{quote_plus(position.token)}%40{position.partition}%40{_quote(position.topic)}"
    return f"{address('event', event_id)}?at={at}"


def aggregate_url(type: str, id: str) -> str:
    """The aggregate's page. Empty if there is no id."""
    return address("aggregate", type, id) if id else ""
