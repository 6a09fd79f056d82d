"""Backlogs: what is seen of every subscription from time to time, kept and compared."""

from eventstore.backlogs.current import AllBacklogs, TopicBacklogs, Watched
from eventstore.backlogs.looks import Look, Member, Place, look_at
from eventstore.backlogs.pace import NOT_KNOWN, Pace
from eventstore.backlogs.stored import Step

__all__ = ["NOT_KNOWN", "AllBacklogs", "Look", "Member", "Pace", "Place", "Step", "TopicBacklogs", "Watched", "look_at"]
