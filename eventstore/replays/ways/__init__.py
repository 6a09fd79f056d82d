"""The ways of a replay that send no copies: the cursor goes back, a generation is made beside the old one, or a projection
that lives in Python is built again."""

from eventstore.replays.ways.cursor import replay_by_cursor
from eventstore.replays.ways.generation import replay_to_generation
from eventstore.replays.ways.local import replay_locally
from eventstore.replays.ways.state import WayState

__all__ = ["WayState", "replay_by_cursor", "replay_locally", "replay_to_generation"]
