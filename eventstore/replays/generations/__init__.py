"""Generations of a projection once they are made: compared, promoted, or discarded."""

from eventstore.replays.generations.compared import Compared, Pair, compared
from eventstore.replays.generations.discarding import DISCARD_GENERATION, DiscardPlan
from eventstore.replays.generations.looks import GenerationAim, GenerationRefused, Look, generation_resource
from eventstore.replays.generations.promoting import PROMOTE_GENERATION, Doubt, PromotePlan, doubts_of

__all__ = [
    "DISCARD_GENERATION",
    "PROMOTE_GENERATION",
    "Compared",
    "DiscardPlan",
    "Doubt",
    "GenerationAim",
    "GenerationRefused",
    "Look",
    "Pair",
    "PromotePlan",
    "compared",
    "doubts_of",
    "generation_resource",
]
