"""Addresses of the pages that an event's line links to. Built as text, because a page of fifty events needs a hundred."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote_plus

from dashboard.privacy import public_id
from dashboard.rendering.url_segments import address
from eventstore.model import Position

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_quote = lru_cache(maxsize=256)(quote_plus)


def event_url(event_id: str, position: Position, published: datetime | None = None) -> str:
    """The page of the event at this position. The id alone does not do: it may exist twice, or not be indexed yet.

    ``published`` goes with a position that stands in for an id, or that lay in a log which is gone: once a topic is made anew,
    another event may lie there.
    """
    at = f"{quote_plus(position.token)}%40{position.partition}%40{_quote(position.topic)}"
    return f"{address('event', event_id)}?at={at}" + (f"&published={published_mark(published)}" if published else "")


def skip_event_url(topic: str, subscription: str, position: str) -> str:
    """The preview of skipping the event at this encoded position for a subscription."""
    return f"{address('skip_new', topic, subscription)}?skip=event&position={_quote(position)}"


def skip_before_url(topic: str, subscription: str, position: str) -> str:
    """The preview of skipping everything that waits before it: the subscription continues from there."""
    return f"{address('skip_new', topic, subscription)}?skip=before&before={_quote(position)}"


def reset_to_url(topic: str, subscription: str, position: str) -> str:
    """The preview of a reset to it: the subscription is given it and everything after it again."""
    return f"{address('cursor_reset_new', topic, subscription)}?to=position&position={_quote(position)}"


def published_mark(published: datetime) -> str:
    """When an event was published, in an address: milliseconds since 1970."""
    return str((published - EPOCH) // timedelta(milliseconds=1))


def aggregate_url(type: str, id: str) -> str:
    """The aggregate's page, by its handle if its id is personal. Empty if there is no id."""
    return address("aggregate", type, public_id(type, id)) if id else ""
