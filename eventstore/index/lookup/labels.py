"""Labels for positions that come from the index, which keeps their tokens only. Nothing is read for it."""

from dataclasses import replace

from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage


def with_label(storage: Storage, position: Position) -> Position:
    """The same position with its label; ``InvalidPosition`` where its token is none of this store's."""
    return storage.position(position.topic, position.partition, position.token)


def labelled(storage: Storage, pointer: Pointer) -> Pointer:
    """The same pointer, its position with its label."""
    return replace(pointer, position=with_label(storage, pointer.position))
