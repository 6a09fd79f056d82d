"""Labels for positions that come from the index, which keeps their tokens only. Nothing is read for it."""

from dataclasses import replace

from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer


def with_label(log: Log, position: Position) -> Position:
    """The same position with its label; ``InvalidPosition`` where its token is none of this store's."""
    return log.position(position.topic, position.partition, position.token)


def labelled(log: Log, pointer: Pointer) -> Pointer:
    """The same pointer, its position with its label."""
    return replace(pointer, position=with_label(log, pointer.position))
