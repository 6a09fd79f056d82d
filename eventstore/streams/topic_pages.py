"""Pages of a topic: its partitions are read in parallel, and merged by publish time."""

from collections.abc import Sequence
from datetime import datetime

from eventstore.model.events import Message, Page, Position, Topic
from eventstore.model.log import Log
from eventstore.model.merge import Item, MergeSource, encode_page_token, merge

PAGE_BYTES = 64 * 1024 * 1024
"""Payload that is read for one page, of all its partitions together: of large events a page shows fewer."""


def topic_page(log: Log, topic: Topic, page_token: str | None, limit: int) -> Page[Message]:
    """The page at this token (none: the newest), newest first, with at most ``limit`` messages."""
    most_bytes = PAGE_BYTES // max(1, topic.partitions)
    sources = {str(number): _partition_source(log, topic.name, number, most_bytes) for number in range(topic.partitions)}
    return merge(sources, page_token, limit, max_parallel=log.capabilities.parallel_reads)


def page_token_since(log: Log, topic: Topic, when: datetime) -> str:
    """The token of the page that begins with the first events published at or after ``when``."""
    boundaries: dict[str, str] = {}
    for number in range(topic.partitions):
        first = log.first_since(topic.name, number, when)
        if first is None:
            last = log.read_backward(topic.name, number, limit=1)
            boundaries[str(number)] = "+" + last[0].position.token if last else "^"
        else:
            boundaries[str(number)] = "-" + first.token
    return encode_page_token("newer", boundaries)


def _partition_source(log: Log, topic: str, number: int, most_bytes: int) -> MergeSource[Message]:
    """How ``merge`` reads one partition, with at most about ``most_bytes`` of payload for each read."""

    def cut(items: Sequence[Item[Message]]) -> bool:
        return sum(len(item.value.payload) for item in items) >= most_bytes

    def position(token: str | None) -> Position | None:
        return None if token is None else log.position(topic, number, token)

    def items(messages: Sequence[Message]) -> list[Item[Message]]:
        return [Item(place=m.position.token, time=m.published, value=m) for m in messages]

    def forward(token: str | None, inclusive: bool, limit: int) -> list[Item[Message]]:
        after = position(token)
        return items(log.read_forward(topic, number, after=after, inclusive=inclusive, limit=limit, most_bytes=most_bytes))

    def backward(token: str | None, limit: int) -> list[Item[Message]]:
        return items(log.read_backward(topic, number, before=position(token), limit=limit, most_bytes=most_bytes))

    return MergeSource(forward=forward, backward=backward, cut=cut)
