"""What is still to be done for a request for erasure, by whom, and what the desk cannot know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.erasure.answer import Answer, Counted
from dashboard.rendering.text import format_number, short_topic
from eventstore.model import TopicKind

NOT_KNOWN = (
    ("Copies outside the store", "What consumers, connectors, data pipelines and people have copied elsewhere."),
    ("Backups and tiered storage", "Backups of the store, and segments that it has moved to cheaper storage."),
    ("Other clusters", "Topics that are replicated, or were, to a cluster that this desk does not watch."),
    ("Logs and caches of services", "What a service has written to its own log, cache or search index."),
    ("Other aggregates", "Events of other aggregates that name this person in their payload."),
    ("Keys", "Whether a key that encrypts its events was destroyed: the desk never has such keys."),
)
"""What the desk cannot know, whatever it counts: a name and a sentence for each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToDo:
    """``who`` has to do it. ``done``: nothing is left of it, as far as the desk knows."""

    who: str
    what: str
    done: bool = False


def to_dos(answer: Answer) -> Sequence[ToDo]:
    """What is left to do, in the order in which it is done."""
    counted = answer.counted
    found = [*_in_topics(answer), _values(answer)]
    if counted is not None:
        found += [*_copies(counted), *_readers(counted), *_local(counted)]
    return found


def _in_topics(answer: Answer) -> Iterator[ToDo]:
    topics = {one.topic: 0 for one in answer.events if one.gone is None}
    for one in answer.events:
        if one.gone is None:
            topics[one.topic] += one.events if one.left is None else one.left
    for topic, left in topics.items():
        if left:
            verb = "erase it, or destroy its key if its payload is encrypted"
            yield ToDo(who=f"Whoever runs the topic {short_topic(topic)}", what=f"{_events(left)} in the topic: {verb}.")
        else:
            yield ToDo(who=f"Whoever runs the topic {short_topic(topic)}", what="No event is left in the topic.", done=True)


def _values(answer: Answer) -> ToDo:
    values = answer.values
    if values.total:
        count = f"{'' if values.complete else 'at least '}{format_number(values.total)}"
        return ToDo(who="A privacy officer, here", what=f"Forget {count} searchable value{_s(values.total)} of the index.")
    if values.forgotten is not None:
        return ToDo(who="A privacy officer, here", what="The index keeps no searchable value of it any more.", done=True)
    return ToDo(who="A privacy officer, here", what="The index has no searchable value. Forget it so that none comes.")


def _copies(counted: Counted) -> Iterator[ToDo]:
    words = {TopicKind.DEAD_LETTER: "dead letter", TopicKind.REPLAY: "copy by a replay", TopicKind.RETRY: "copy for a retry"}
    for one in counted.copies.topics:
        if not one.gone:
            word = words.get(one.kind, "copy")
            many = word.replace("copy", "copies") if "copy" in word else f"{word}s"
            what = f"{format_number(one.copies)} {word if one.copies == 1 else many}: erase, or wait for retention."
            yield ToDo(who=f"Whoever runs the topic {short_topic(one.topic)}", what=what)


def _readers(counted: Counted) -> Iterator[ToDo]:
    for one in counted.services:
        who = f"The service of {one.projection or one.name}"
        if one.done is None:
            yield ToDo(who=who, what="What it has received is not known: ask, and delete what it has built or stored.")
        elif one.done:
            had = f"{format_number(one.done)} {'copies' if one.copies else 'of its events'}"
            yield ToDo(who=who, what=f"It has had {had}: delete what it has built or stored of them.")
        else:
            yield ToDo(who=who, what=f"It has had none of the {'copies' if one.copies else 'events'}.", done=True)


def _local(counted: Counted) -> Iterator[ToDo]:
    for one in counted.local:
        rows = f"{format_number(one.rows)} row{_s(one.rows)}"
        yield ToDo(who=f"Whoever keeps the local projection {one.projection}", what=f"Delete {rows}, or build it again.")


def _events(count: int) -> str:
    return f"{format_number(count)} event{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
