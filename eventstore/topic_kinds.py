"""What a topic is for, told from its name: the suffixes are those that Pulsar's clients give the topics they make."""

from eventstore.events import TopicKind

_SUFFIXES = (
    ("-DLQ", TopicKind.DEAD_LETTER),
    ("-RETRY", TopicKind.RETRY),
    ("-replay", TopicKind.REPLAY),
    (".replay", TopicKind.REPLAY),
)


def belongs_to(derived: str, original: str) -> bool:
    """Whether a derived topic's name is made of the original's, as clients make it: ``orders-mailer-DLQ`` of ``orders``."""
    return derived.startswith((f"{original}-", f"{original}."))


def kind_of(name: str) -> TopicKind:
    """The kind of the topic of this name, short or with its namespace: ``a/b/orders-DLQ`` is a dead-letter topic."""
    if name.rpartition("/")[2].startswith("__"):
        return TopicKind.SYSTEM
    return next((kind for suffix, kind in _SUFFIXES if name.endswith(suffix)), TopicKind.EVENTS)
