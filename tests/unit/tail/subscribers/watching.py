"""Viewers of a tail, and what they were given."""

from collections.abc import Callable

from eventstore.search import parse_filter
from eventstore.tail import Counts, TailSubscriber, Take
from tests.contract.helpers import soon

ODD = parse_filter("type:odd")


def numbers_of(take: Take) -> list[int]:
    return [int(entry.message.payload) for piece in take.pieces for entry in piece.entries]


class Watching:
    """A subscriber, everything that it got, and the places with which it would come back."""

    def __init__(self, subscriber: TailSubscriber) -> None:
        self.subscriber = subscriber
        self.numbers: list[int] = []
        self.places: dict[str, str] = {}
        self.counts = Counts()

    def take(self) -> Take:
        take = self.subscriber.take()
        self.numbers += numbers_of(take)
        self.places.update(take.places)
        self.counts = counts = take.counts
        assert counts.matched == counts.shown + counts.sampled + counts.slow + (counts.older or 0)
        return take

    def until(self, published: int) -> "Watching":
        """Take until it has passed this many events."""

        def there() -> bool:
            self.take()
            return self.counts.published >= published

        assert soon(there), self.counts
        assert not self.take().pieces
        assert self.counts.published == published
        return self


Watch = Callable[..., Watching]
