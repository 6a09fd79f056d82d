"""Replays: events given to a projection again, planned and counted first, and followed until the projection has them.

A plan becomes a ``ReplayOrder``, which the job keeps. Its way says who carries it out.
"""

from eventstore.replays.order import Bounds, Kind, ReplayOrder, Way, What

__all__ = ["Bounds", "Kind", "ReplayOrder", "Way", "What"]
