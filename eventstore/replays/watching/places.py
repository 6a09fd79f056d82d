"""Where the events of a replay lie in what the projection's subscription reads."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eventstore.config.projections import Way
from eventstore.model.events import Position
from eventstore.replays.order import ReplayOrder
from eventstore.replays.watching.consumption import Stretch

TARGET = "target"
"""The key of a checkpoint under which the topic way keeps ``target_json``."""


def stretches_of(order: ReplayOrder, checkpoints: Iterable[Mapping[str, Any]]) -> Sequence[Stretch]:
    """Return where the replay's events lie, as far as it has sent them. ``checkpoints`` are those of its job and of the job's
    shares. Nothing for a local projection, which no subscription feeds."""
    if order.way is Way.LOCAL:
        return ()
    return target_stretches(order.target, checkpoints) if order.way is Way.TOPIC else chosen_stretches(order)


def reader_of(order: ReplayOrder) -> str:
    """Return the name of the subscription by which the replayed events are consumed."""
    return order.target if order.way is Way.GENERATION else order.subscription


def readings_of(order: ReplayOrder) -> Sequence[tuple[str, str]]:
    """Return by what the replayed events are consumed: pairs of a topic and a subscription of it."""
    topics = {Way.LOCAL: (), Way.TOPIC: (order.target,)}.get(order.way, tuple(sorted(order.topics)))
    return [(topic, reader_of(order)) for topic in topics]


def is_read_elsewhere(order: ReplayOrder, is_external: Callable[[str, str], bool]) -> bool:
    """Whether the consumers of the replayed events keep their positions outside the store. ``is_external`` tells it of a topic
    and a subscription."""
    return any(is_external(topic, name) for topic, name in readings_of(order))


def chosen_stretches(order: ReplayOrder) -> Sequence[Stretch]:
    """Return where the chosen events lie in the projection's own topics: for a replay without copies.

    Whoever reads the topic again reads what lies between as well, so that counts.
    """
    return [
        Stretch(
            topic=topic,
            partition=partition,
            behind=Position(topic=topic, partition=partition, token=bounds.first_token).beginning.token,
            last=bounds.last_token,
            events=bounds.end - bounds.first,
        )
        for topic, partition, bounds in order.each()
    ]


def target_json(stretches: Iterable[Stretch]) -> list[list[Any]]:
    """Return stretches of one topic as a checkpoint keeps them."""
    return [[one.partition, one.behind, one.last, one.events] for one in stretches]


def target_stretches(topic: str, checkpoints: Iterable[Mapping[str, Any]]) -> Sequence[Stretch]:
    """Return where a replay's copies lie in the replay topic, by the checkpoints of its job and of the job's shares.

    Several source partitions may go to one target partition: its stretches become one.
    """
    found: dict[int, Stretch] = {}
    for checkpoint in checkpoints:
        for partition, behind, last, events in checkpoint.get(TARGET, ()):
            one = Stretch(topic=topic, partition=int(partition), behind=str(behind), last=str(last), events=int(events))
            before = found.get(one.partition)
            found[one.partition] = _together(before, one) if before is not None else one
    return [found[number] for number in sorted(found)]


def _together(one: Stretch, other: Stretch) -> Stretch:
    return Stretch(
        topic=one.topic,
        partition=one.partition,
        behind=min(one.behind, other.behind),
        last=max(one.last, other.last),
        events=one.events + other.events,
    )
