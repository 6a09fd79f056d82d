"""Live following of topics. Each process reads a partition once, however many subscribers watch it.

Events are sealed in chunks and kept in a bounded ring per topic. A subscriber is a filter and a place in that ring, so
a slow subscriber costs nothing; it is told the exact number of events that it missed. The matches of a filter, and what
is rendered from them, are computed once and shared. See docs/tail.md and docs/adr/0010-tail-of-chunks.md.
"""

from eventstore.tail.hub import Hub
from eventstore.tail.pieces import Entry, Piece
from eventstore.tail.start import Start, place_key
from eventstore.tail.subscriber.counts import Counts, Take
from eventstore.tail.subscriber.subscriber import TailSubscriber

__all__ = ["Counts", "Entry", "Hub", "Piece", "Start", "TailSubscriber", "Take", "place_key"]
