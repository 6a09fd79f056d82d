"""Which move a person asks for: of a reset, where to; of a skip, what of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.cursors.given import WrongTarget, ends_of, number_of, partition_of, row_of, time_of
from dashboard.cursors.texts import event_words
from dashboard.templatetags.desk import when
from eventstore.actions import PlannedAction
from eventstore.cursors import CLEAR, EXPIRE, RESET_CURSOR, SKIP_BEFORE, SKIP_COUNT, SKIP_EVENT, Count, MovePlan
from eventstore.model import Edge, Topic
from eventstore.streams import Row

RESETS = {"earliest": "the first event", "time": "a time", "position": "one event", "latest": "new events only"}
"""What the form calls each place to restart from."""
SKIPS = {
    "count": "the next events",
    "event": "a single event",
    "before": "everything before an event",
    "expired": "everything before a given time",
    "all": "everything that waits",
}
"""What the form calls each kind of skip."""
FIELDS = {
    "to": {"time": "time", "position": "position"},
    "skip": {"count": "count", "event": "position", "before": "before", "expired": "time"},
}
"""The field of each choice that has one."""
CHOICES = {"to": RESETS, "skip": SKIPS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is asked for: as understood (``target``, for the action), and as the form sends it again (``fields``).

    ``words`` may hold a ``<time>``; ``row`` is the event itself.
    """

    action: PlannedAction[Any, MovePlan]
    target: Any
    fields: Mapping[str, str]
    words: SafeString | str
    row: Row | None = None
    loses_nothing: bool = field(default=False)
    """Whatever the index may not know yet, nothing that waits is skipped."""


def reset_aim(given: QueryDict, topic: Topic) -> Aim:
    """Where the cursor goes. Raises ``WrongTarget`` if that is missing or invalid."""
    to = given.get("to", "")
    fields = {"to": to}
    if to == "earliest":
        return Aim(action=RESET_CURSOR, target=Edge.EARLIEST, fields=fields, words="the first event", loses_nothing=True)
    if to == "latest":
        return Aim(action=RESET_CURSOR, target=Edge.LATEST, fields=fields, words="new events only")
    if to == "time":
        time = time_of(given.get("time", ""))
        words = format_html("events published since {}", when(time, "exact"))
        return Aim(action=RESET_CURSOR, target=time, fields={**fields, "time": time.isoformat()}, words=words)
    if to == "position":
        row = row_of(given.get("position", "").strip(), topic)
        fields["position"] = row.position.encode()
        return Aim(action=RESET_CURSOR, target=row.position, fields=fields, words=event_words(row), row=row)
    raise WrongTarget("Choose where to restart: the first event, a time, one event, or new events only.")


def skip_aim(given: QueryDict, topic: Topic) -> Aim:
    """What is skipped. Raises ``WrongTarget`` if that is missing or invalid."""
    skip = given.get("skip", "")
    fields = {"skip": skip}
    if skip == "event":
        row = row_of(given.get("position", "").strip(), topic)
        fields["position"] = row.position.encode()
        return Aim(action=SKIP_EVENT, target=row.position, fields=fields, words=event_words(row), row=row)
    if skip == "before":
        row = row_of(given.get("before", "").strip(), topic)
        fields["before"] = row.position.encode()
        return Aim(action=SKIP_BEFORE, target=row.position, fields=fields, words=event_words(row), row=row)
    if skip == "count":
        return _count_aim(given, topic)
    text = given.get("ends", "")
    ends = ends_of(text, topic) if text else None
    if skip == "all":
        return Aim(action=CLEAR, target=ends, fields=fields, words="")
    if skip == "expired":
        time = time_of(given.get("time", ""))
        fields["time"] = time.isoformat()
        return Aim(action=EXPIRE, target=time if ends is None else ends, fields=fields, words=when(time, "exact"))
    raise WrongTarget(
        "Choose what to skip: the next events, a single event, everything before an event or a time, or everything."
    )


def _count_aim(given: QueryDict, topic: Topic) -> Aim:
    number, partition = number_of(given.get("count", "")), partition_of(given.get("partition", ""), topic)
    words = "the next event" if number == 1 else f"the next {number:,} events"
    if topic.partitions > 1:
        words += f" of partition {partition}"
    fields = {"skip": "count", "count": str(number), "partition": str(partition)}
    return Aim(action=SKIP_COUNT, target=Count(events=number, partition=partition), fields=fields, words=words)


def refuse_unchosen(given: QueryDict, kind: str) -> None:
    """Raise ``WrongTarget`` if the form's field of another choice is filled in. ``kind`` is the choice's name: to, skip.

    Without a script, filling a field does not choose what it belongs to, and the fields of all choices are sent.
    """
    chosen, choices = given.get(kind, ""), CHOICES[kind]
    for name, own in FIELDS[kind].items():
        if name != chosen and own != FIELDS[kind].get(chosen) and given.get(own, "").strip():
            what = f"“{choices[chosen]}” is chosen" if chosen in choices else "nothing is chosen"
            raise WrongTarget(
                f"You filled in the field of “{choices[name]}”, but {what}. Choose “{choices[name]}”, or empty its field."
            )
