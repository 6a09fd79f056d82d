"""Which letters lie in one entry of their topic: the store acknowledges an entry as a whole."""

from collections.abc import Mapping, Sequence

from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.letters.places import DeadLetterTopic
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.pointers import Pointer


def entries_of(log: Log, dead: DeadLetterTopic, pointers: Sequence[Pointer]) -> Mapping[Position, range]:
    """Return the ordinals of all letters in the entry of each of these, its own among them."""
    rows = {number: there.partition for number, there in dead.there.items()}
    bounds = {p.position: log.entry(p.position) for p in pointers if p.position.partition in rows}
    ordinals = ordinals_in((rows[at.partition], edge) for at, edges in bounds.items() for edge in edges)
    return {at: range(ordinals[start], ordinals[end]) for at, (start, end) in bounds.items()}
