"""How far a replay without copies is, as its job's checkpoint keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstore.replays.watching import LOOKS

Marks = dict[str, dict[int, str]]
"""Tokens by topic and partition."""


@dataclass(kw_only=True, slots=True)
class WayState:
    """- ``begun``: something may have been changed.
    - ``stood``: the token up to which a cursor had acknowledged everything right before it was moved (empty: nothing), with
      ``labels`` for people.
    - ``ready``: the partitions that are done by topic: moved, or made.
    - ``looks``: what was seen of the consumption, in the form of ``watching.Looks``.
    """

    begun: bool = False
    stood: Marks = field(default_factory=dict)
    labels: Marks = field(default_factory=dict)
    ready: dict[str, list[int]] = field(default_factory=dict)
    looks: Mapping[str, Any] = field(default_factory=dict)

    def is_ready(self, topic: str, partition: int) -> bool:
        return partition in self.ready.get(topic, ())

    def note_ready(self, topic: str, partition: int) -> None:
        if not self.is_ready(topic, partition):
            self.ready.setdefault(topic, []).append(partition)

    def as_json(self) -> dict[str, Any]:
        return {
            "begun": self.begun,
            "stood": _written(self.stood),
            "labels": _written(self.labels),
            "ready": self.ready,
            LOOKS: dict(self.looks),
        }

    @staticmethod
    def of(checkpoint: Mapping[str, Any]) -> "WayState":
        """Return what ``as_json`` wrote; the beginning for an empty checkpoint."""
        if not checkpoint:
            return WayState()
        return WayState(
            begun=bool(checkpoint["begun"]),
            stood=_read(checkpoint["stood"]),
            labels=_read(checkpoint["labels"]),
            ready={str(topic): [int(number) for number in numbers] for topic, numbers in checkpoint["ready"].items()},
            looks=dict(checkpoint[LOOKS]),
        )


def _written(marks: Marks) -> dict[str, dict[str, str]]:
    return {topic: {str(partition): token for partition, token in each.items()} for topic, each in marks.items()}


def _read(told: Mapping[str, Mapping[str, str]]) -> Marks:
    return {str(topic): {int(partition): str(token) for partition, token in each.items()} for topic, each in told.items()}
