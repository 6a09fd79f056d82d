"""What the pages and the command line read alike: a time, the frozen ends of a plan, and which ways take a choice."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from eventstore.model import InvalidReplay
from eventstore.projections import Projection
from eventstore.replays import TAKES, Kind, Way

Until = Mapping[str, Mapping[int, int]]
GENTLEST = (Way.TOPIC, Way.CURSOR, Way.GENERATION, Way.LOCAL)
"""The ways, the one that disturbs least first."""
NOT_READ = (ValueError, TypeError, AttributeError, RecursionError, OverflowError)
"""What ``ends_in`` and ``json.loads`` raise for what no plan has written."""


def ways_for(projection: Projection, kind: str) -> Sequence[Way]:
    """The projection's ways that take this choice, the gentlest first; all of them for what is no ``Kind``."""
    takes = [way for way in GENTLEST if way in projection.ways]
    return [way for way in takes if kind in TAKES[way]] if kind in set(Kind) else takes


def time_in(text: str) -> datetime:
    """The time, in UTC; one without an offset is in UTC. Raises ``InvalidReplay``."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidReplay("Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00.") from error


def ends_told(ends: Until) -> dict[str, dict[str, int]]:
    """As JSON has them: the names of its members are text."""
    return {topic: {str(number): end for number, end in each.items()} for topic, each in ends.items()}


def ends_in(told: Mapping[str, Mapping[str, int]]) -> Until:
    """What ``ends_told`` gave. Raises one of ``NOT_READ`` for anything else."""
    return {str(topic): {int(number): int(end) for number, end in each.items()} for topic, each in told.items()}
