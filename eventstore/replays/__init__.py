"""Replays: events given to a projection again, planned and counted first, and followed until the projection has them.

A plan becomes a ``ReplayOrder``, which the job keeps. Its way says who carries it out.
"""

from eventstore.config.projections import Way
from eventstore.replays.face import REPLAY
from eventstore.replays.generations import (
    DISCARD_GENERATION,
    PROMOTE_GENERATION,
    Compared,
    DiscardPlan,
    Doubt,
    GenerationAim,
    GenerationRefused,
    PromotePlan,
    doubts_of,
    generation_resource,
)
from eventstore.replays.kind import REPLAY_EVENTS, Aim, ReplayPlan, UnreadHazards
from eventstore.replays.order import Bounds, Kind, ReplayOrder, What
from eventstore.replays.planning.agreeing import LONGEST_TICKET, THROTTLED
from eventstore.replays.planning.aiming import TAKES
from eventstore.replays.planning.hazards import Danger, Hazard
from eventstore.replays.watching import CopyLine, Refused, Watched, has_consumed, reader_of

__all__ = [
    "DISCARD_GENERATION",
    "LONGEST_TICKET",
    "PROMOTE_GENERATION",
    "REPLAY",
    "REPLAY_EVENTS",
    "TAKES",
    "THROTTLED",
    "Aim",
    "Bounds",
    "Compared",
    "CopyLine",
    "Danger",
    "DiscardPlan",
    "Doubt",
    "GenerationAim",
    "GenerationRefused",
    "Hazard",
    "Kind",
    "PromotePlan",
    "Refused",
    "ReplayOrder",
    "ReplayPlan",
    "UnreadHazards",
    "Watched",
    "Way",
    "What",
    "doubts_of",
    "generation_resource",
    "has_consumed",
    "reader_of",
]
