"""What a redrive is to do, as its job keeps it: which letters, by whose acknowledgements, and where to."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.model.events import Position

Ranges = Sequence[tuple[str, str]]
"""Tokens of messages: the first and the last of each range, both included, in order. Each holds whole entries of the store."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """- ``job``: the job's id, which every copy carries.
    - ``letters`` and ``subscription``: the dead-letter topic, and the subscription of it in which letters are acknowledged.
    - ``source``: the topic of the originals.
    - ``target``: the topic that the letters are sent to.
    - ``chosen``: the letters, by partition of their topic.
    - ``versions``: the schema versions that they have; the empty one is for those without a schema.
    - ``name``: the subscription whose letters they are. ``audience``: the target's subscriptions, as the plan named them;
      ``None`` if nobody is to compare them.
    """

    job: str
    letters: str
    subscription: str
    source: str
    target: str
    chosen: Mapping[int, Ranges]
    versions: Sequence[str]
    name: str = ""
    audience: Sequence[str] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "letters": self.letters,
            "subscription": self.subscription,
            "source": self.source,
            "target": self.target,
            "chosen": {str(partition): [list(pair) for pair in ranges] for partition, ranges in self.chosen.items()},
            "versions": list(self.versions),
            "name": self.name,
            "audience": None if self.audience is None else list(self.audience),
        }

    @staticmethod
    def of(job: str, arguments: Mapping[str, Any]) -> "Order":
        """Return what ``as_json`` wrote."""
        chosen = {int(partition): [(first, last) for first, last in pairs] for partition, pairs in arguments["chosen"].items()}
        names = {name: str(arguments[name]) for name in ("letters", "subscription", "source", "target")}
        audience = arguments["audience"]
        return Order(
            job=job,
            chosen=chosen,
            versions=[str(one) for one in arguments["versions"]],
            name=str(arguments["name"]),
            audience=None if audience is None else [str(one) for one in audience],
            **names,
        )


class Chosen:
    """Whether a message is among the chosen ones of its partition."""

    def __init__(self, ranges: Ranges) -> None:
        self._firsts = [first for first, _ in ranges]
        self._lasts = [last for _, last in ranges]

    def __contains__(self, position: Position) -> bool:
        number = bisect_right(self._firsts, position.token) - 1
        return number >= 0 and position.token <= self._lasts[number]


def ranges_of(wanted: Sequence[tuple[Position, bool]]) -> Ranges:
    """Return the ranges of the messages that are wanted, out of all of a partition, in order."""
    found: list[tuple[str, str]] = []
    goes_on = False
    for position, is_wanted in wanted:
        if is_wanted:
            found.append((found.pop()[0] if goes_on else position.token, position.token))
        goes_on = is_wanted
    return found
