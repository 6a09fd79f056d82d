"""What a topic is for, from the configuration, or else from the suffixes that Pulsar's clients give to topics that
they create.
"""

from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

from eventstore.envelope.mapping import last_segment
from eventstore.model.events import TopicKind
from eventstore.model.toml_positions import KeyProblem

_SUFFIXES = (
    ("-DLQ", TopicKind.DEAD_LETTER),
    ("-RETRY", TopicKind.RETRY),
    ("-replay", TopicKind.REPLAY),
    (".replay", TopicKind.REPLAY),
)
_KINDS = {
    "ordinary": TopicKind.EVENTS,
    "dead_letter": TopicKind.DEAD_LETTER,
    "retry": TopicKind.RETRY,
    "replay": TopicKind.REPLAY,
}

Patterns = tuple[Annotated[str, Meta(min_length=1)], ...]


class TopicKinds(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Patterns of topics by kind, for names that do not tell the kind or tell another one. The first list that
    matches counts.
    """

    ordinary: Patterns = ()
    dead_letter: Patterns = ()
    retry: Patterns = ()
    replay: Patterns = ()
    ordered: Patterns = ()
    """Topics of any kind whose readers rely on the order of each aggregate's events."""

    def is_ordered(self, name: str) -> bool:
        """Return whether the configuration says that order matters in this topic."""
        last = last_segment(name)
        return any(fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in self.ordered)

    def of(self, name: str) -> TopicKind:
        """Return the kind of the topic with this name, short or with its namespace: ``a/b/orders-DLQ`` is a
        dead-letter topic.
        """
        last = last_segment(name)
        if last.startswith("__"):
            return TopicKind.SYSTEM  # the broker's own topics, whatever the patterns say
        for key, kind in _KINDS.items():
            if any(fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in getattr(self, key)):
                return kind
        return next((kind for suffix, kind in _SUFFIXES if name.endswith(suffix)), TopicKind.EVENTS)


BY_NAME = TopicKinds()


def checked(kinds: TopicKinds) -> TopicKinds:
    """Return the same patterns. Raises ``KeyProblem`` if a pattern is in two lists."""
    stands: dict[str, str] = {}
    for key in _KINDS:
        for pattern in getattr(kinds, key):
            if stands.setdefault(pattern, key) != key:
                raise KeyProblem(("topics", key), f'"{pattern}" stands in topics.{stands[pattern]} as well: keep one')
    return kinds


def belongs_to(derived: str, original: str) -> bool:
    """Return whether a derived topic's name is made from the original's, as clients do: ``orders-mailer-DLQ`` from
    ``orders``.
    """
    return derived.startswith((f"{original}-", f"{original}."))
