"""Places up to which a subscriber leaves out a ring's events, because it has them."""

from collections.abc import Mapping

from eventstore.tail.pieces import Chunk
from eventstore.tail.start import Places

AT_THE_END = "~"
"""Sorts after every token."""


class Floors:
    """The floor of each partition. Once no coming event can be below it, it is dropped."""

    __slots__ = ("_at", "_settled", "_settled_at")

    def __init__(self, at: Places | None = None) -> None:
        self._at = dict(at or {})
        self._settled_at = 0
        self._settled: Places = {}

    def __bool__(self) -> bool:
        return bool(self._at)

    def is_new(self, partition: int, token: str) -> bool:
        return token > self._at.get(partition, "")

    def overlap(self, chunk: Chunk) -> bool:
        """Whether the chunk begins below a floor."""
        return bool(self._at) and any(not self.is_new(partition, token) for partition, token in chunk.first.items())

    def raise_to(self, places: Mapping[int, str]) -> None:
        self._at.update(places)

    def drop(self, chunk: Chunk) -> None:
        """Drop those that the chunk, which was passed, reaches."""
        for partition, token in chunk.last.items():
            if token >= self._at.get(partition, AT_THE_END):
                del self._at[partition]
        self.settle(chunk.before + len(chunk.entries))

    def settle(self, events: int) -> None:
        """Drop floors that no coming event can be below, once this many events of the ring were passed."""
        if self._at and events >= self._settled_at:
            self._at = {at: token for at, token in self._at.items() if token > self._settled.get(at, "")}

    def settle_at(self, read_to: tuple[int, Places]) -> None:
        """Remember what has been read by now: after the ring's events up to there, no event can be below these floors."""
        self._settled_at, self._settled = read_to
