"""What is still to be done for a request for erasure, by whom, and what the desk cannot know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from dashboard.erasure.answer import Answer, Counted
from dashboard.rendering.text import format_number, short_topic
from eventstore.erasure import Reader, ValuesFound
from eventstore.model import TopicKind

NOT_KNOWN = (
    ("Copies outside the store", "What consumers, connectors, data pipelines and people have copied elsewhere."),
    ("Backups and tiered storage", "Backups of the store, and segments that it has moved to cheaper storage."),
    (
        "Backups of this desk",
        "Backups, replicas and logs of its databases: what is forgotten in the index, and removed here, stays in those.",
    ),
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
    found = [*_in_topics(answer), *([_values(answer.values)] if answer.values is not None else [])]
    if counted is not None:
        found += [*_copies(counted), *_readers(counted), *_local(counted), *_free_text(counted)]
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


def _values(values: ValuesFound) -> ToDo:
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
        yield ToDo(who=who, what=f"{_had(one)}{_moved(one, counted)}")


def _had(one: Reader) -> str:
    """A cursor tells what is acknowledged now, and never that a service has had nothing: it may have been put back, or made
    anew, and what was delivered need not be acknowledged."""
    if one.done is None:
        return "What it has received is not known: ask, and delete what it has built or stored."
    if not one.done:
        what = "copies" if one.copies else "events"
        return f"It acknowledges none of the {what} now. Whether it had them before is not known: ask."
    copies = "copy" if one.done == 1 else "copies"
    had = f"{format_number(one.done)} {copies if one.copies else 'of its events'}"
    return f"It has had, or passed over, at least {had}: delete what it has built or stored of {_them(one.done)}."


def _moved(one: Reader, counted: Counted) -> str:
    at = counted.moved_back.get((one.topic, one.name))
    if at is None or one.waiting == 0:
        return ""
    return f" Its cursor was put back here, last on {at.astimezone(UTC):%Y-%m-%d} (UTC): it may have had more."


def _local(counted: Counted) -> Iterator[ToDo]:
    for one in counted.local:
        rows = f"{format_number(one.rows)} row{_s(one.rows)}"
        yield ToDo(who=f"Whoever keeps the local projection {one.projection}", what=f"Delete {rows}, or build it again.")


def _free_text(counted: Counted) -> Iterator[ToDo]:
    if count := len(counted.jobs.by_filter):
        what = f"The filter{_s(count)} of {format_number(count)} replay{_s(count)} may name a value: read {_them(count)}."
        yield ToDo(who="Whoever runs this desk", what=what)
    if count := counted.record.notes:
        notes = f"{format_number(count)} note{_s(count)} in cases that looked at it"
        yield ToDo(who="A privacy officer", what=f"Read the {notes}: {_they(count)} may name the person.")


def _they(count: int) -> str:
    return "it" if count == 1 else "they"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _events(count: int) -> str:
    return f"{format_number(count)} event{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
