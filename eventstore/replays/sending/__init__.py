"""The topic way of a replay: marked copies of the chosen events, to the same-numbered partitions of the replay topic."""

from eventstore.replays.sending.job import events_by_partition, replay_by_topic, run_share, send
from eventstore.replays.sending.state import ERRORS

__all__ = ["ERRORS", "events_by_partition", "replay_by_topic", "run_share", "send"]
