"""Following topics live: one reader a partition and process, a ring of sealed chunks, and viewers that are places in it.

What a filter passes, and what is made of it for a page or a script, is found once and shared. A slow viewer costs nothing,
and is told exactly what it did not get. See docs/tail.md and docs/adr/0010-tail-of-chunks.md.
"""

from eventstore.tail.hub import Hub
from eventstore.tail.pieces import Entry, Piece
from eventstore.tail.start import Start, place_key
from eventstore.tail.subscriber.counts import Counts, Take
from eventstore.tail.subscriber.subscriber import TailSubscriber

__all__ = ["Counts", "Entry", "Hub", "Piece", "Start", "TailSubscriber", "Take", "place_key"]
