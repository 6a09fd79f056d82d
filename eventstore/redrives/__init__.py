"""Redrives: dead letters sent back to where their subscription's consumers get them again, none lost and none twice."""

from eventstore.redrives.choosing import MOST_LETTERS, Aim
from eventstore.redrives.kind import REDRIVE_LETTERS
from eventstore.redrives.plan import RedrivePlan, resource_of, targets_of

__all__ = ["MOST_LETTERS", "REDRIVE_LETTERS", "Aim", "RedrivePlan", "resource_of", "targets_of"]
