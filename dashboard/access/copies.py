"""Topics that hold copies of other topics' events (dead-letter, retry and replay topics), and whose they may be.

Such a topic is in the scope of whoever has all topics that it may hold copies of. Its own name decides only where there is
none of them.
"""

from collections.abc import Callable, Iterable, Sequence

from dashboard.access.scopes import Scope
from eventstore.config import Config, fits
from eventstore.model import TopicKind

COPIES = frozenset({TopicKind.DEAD_LETTER, TopicKind.RETRY, TopicKind.REPLAY})
Find = Callable[[str], Sequence[str]]


def origins_of(name: str, config: Config, topics: Callable[[], Iterable[str]]) -> Sequence[str]:
    """The topics whose copies this one may hold; none of a topic with events of its own. ``topics``: the names of all topics
    with events of their own, asked for only where they are needed."""
    last = name.rpartition("/")[2]
    projections = [one for one in config.projections if one.replay_topic and one.replay_topic in (name, last)]
    if projections:
        return [topic for topic in topics() if topic != name and any(one.reads(topic) for one in projections)]
    declared = [one for one in config.subscriptions if fits(name, (*one.dead_letter, *one.retry))]
    if declared:
        return [topic for topic in topics() if topic != name and any(fits(topic, one.topics) for one in declared)]
    if config.topics.of(name) not in COPIES:
        return ()
    return [topic for topic in topics() if name.startswith((f"{topic}-", f"{topic}."))]


_find: list[Find] = []


def find_by(find: Find) -> None:
    """Let this find the origins of a topic, for the whole process. Without it, every topic is judged by its own name."""
    _find[:] = [find]


def sees_topic(scope: Scope, name: str) -> bool:
    """Whether the scope has this topic, or all topics whose copies it may hold."""
    origins = _find[0](name) if _find else ()
    return all(map(scope.has_topic, origins or [name]))
