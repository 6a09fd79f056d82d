"""Projections: which there are, how far each of their generations is, and how the services that build them are called."""

from eventstore.config.projections import Projection, Way
from eventstore.projections.calling import Answer, AnswerProblem
from eventstore.projections.face import ProjectionFace, ProjectionLimits
from eventstore.projections.generations import generation_of, next_generation, subscription_of
from eventstore.projections.hooks import HOOK_SECONDS, HookFailed, When, call_signed
from eventstore.projections.read_models import ReadModel
from eventstore.projections.standing import Generation, Standing

__all__ = [
    "HOOK_SECONDS",
    "Answer",
    "AnswerProblem",
    "Generation",
    "HookFailed",
    "Projection",
    "ProjectionFace",
    "ProjectionLimits",
    "ReadModel",
    "Standing",
    "Way",
    "When",
    "call_signed",
    "generation_of",
    "next_generation",
    "subscription_of",
]
