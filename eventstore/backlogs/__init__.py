"""Backlogs: what is seen of every subscription from time to time, kept and compared."""

from eventstore.backlogs.current import AllBacklogs, TopicBacklogs, Watched
from eventstore.backlogs.looks import Look, Member, Place, look_at
from eventstore.backlogs.stored import Step

__all__ = ["AllBacklogs", "Look", "Member", "Place", "Step", "TopicBacklogs", "Watched", "look_at"]
