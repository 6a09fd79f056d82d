"""Backlogs: what is seen of every subscription from time to time, kept and compared."""

from eventstore.backlogs.looks import Look, Member, Place, look_at

__all__ = ["Look", "Member", "Place", "look_at"]
