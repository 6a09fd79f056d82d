"""What a person asks for when resetting a cursor: where to, and the confirmation of a preview."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.cursors.texts import event_words
from dashboard.gateway import desk
from dashboard.rendering.text import position_words, visible
from dashboard.templatetags.desk import when
from eventstore.actions import Confirmation
from eventstore.cursors import Target
from eventstore.model import Edge, Topic
from eventstore.streams import Row

LONGEST_REASON = 500
CHOICES = {"earliest": "the first event", "time": "a time", "position": "one event", "latest": "new events only"}
"""What the form calls each place to restart from."""
FIELDS = {name: CHOICES[name] for name in ("time", "position")}
"""The choices that have a field, which has the choice's own name."""
MOST_WAYS = 4
"""Positions of a label alone that are named."""


class WrongTarget(ValueError):
    """The target is missing or cannot be used. The text says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """Where the cursor goes: as typed (``to``), and as understood.

    ``words`` may hold a ``<time>``; ``row`` is the event itself.
    """

    to: str
    target: Target
    words: SafeString | str
    time: datetime | None = None
    row: Row | None = None


class ConfirmationForm(forms.Form):
    """The reason. If many events are affected, also the subscription's name, so that nobody confirms by habit."""

    digest = forms.CharField(max_length=64)
    since = forms.IntegerField(min_value=0)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        strip=True,
        error_messages={
            "required": "Say why, for the record: a ticket's number, or what went wrong.",
            "max_length": f"At most {LONGEST_REASON} characters, please.",
        },
    )
    typed = forms.CharField(required=False, strip=False, max_length=4096)

    def __init__(self, *args: Any, must_type: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.must_type = must_type

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"])
        # Some characters cannot be seen, let alone typed: as the page writes them is good enough.
        if self.must_type and typed.strip() not in (self.must_type.strip(), visible(self.must_type).strip()):
            raise forms.ValidationError("This is not the subscription's name. Type it exactly as it is written above.")
        return typed

    @property
    def confirmation(self) -> Confirmation:
        """Of a valid form."""
        return Confirmation(digest=self.cleaned_data["digest"], since=self.cleaned_data["since"])


def aim_of(given: QueryDict, topic: Topic) -> Aim:
    """Where the cursor goes. Raises ``WrongTarget`` if that is missing or invalid."""
    to = given.get("to", "")
    if to == "earliest":
        return Aim(to=to, target=Edge.EARLIEST, words="the first event")
    if to == "latest":
        return Aim(to=to, target=Edge.LATEST, words="new events only")
    if to == "time":
        time = _time(given.get("time", ""))
        return Aim(to=to, target=time, words=format_html("events published since {}", when(time, "exact")), time=time)
    if to == "position":
        row = _row(given.get("position", "").strip(), topic)
        return Aim(to=to, target=row.position, words=event_words(row), row=row)
    raise WrongTarget("Choose where to restart: the first event, a time, one event, or new events only.")


def refuse_unchosen(given: QueryDict) -> None:
    """Raise ``WrongTarget`` if the form's field of another choice is filled in.

    Without a script, filling a field does not choose what it belongs to, and the fields of all choices are sent.
    """
    to = given.get("to", "")
    for name, choice in FIELDS.items():
        if name != to and given.get(name, "").strip():
            chosen = f"“{CHOICES[to]}” is chosen" if to in CHOICES else "nothing is chosen"
            raise WrongTarget(f"You filled in the field of “{choice}”, but {chosen}. Choose “{choice}”, or empty its field.")


def given_time(given: QueryDict) -> datetime | None:
    """The time as it was filled in, for the form that is shown again; ``None`` if it is none."""
    try:
        return _time(given.get("time", ""))
    except WrongTarget:
        return None


def _time(text: str) -> datetime:
    """An ISO 8601 time; one without an offset is UTC, as the form says where no script has changed it."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongTarget("Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00.") from error


def _row(text: str, topic: Topic) -> Row:
    """A position in any form that a page shows, or the id of an event that the index knows once in this topic."""
    if not text.isprintable() or not text:  # also what no database can be asked for: NUL, halves of surrogate pairs
        raise WrongTarget("Give the event's id or its position: both are copied from its page or from a list.")
    here = [found.position for found in desk().index.with_event_id(text) if found.position.topic == topic.name]
    if len(here) == 1:
        return desk().streams.row_at(here[0])
    if here:
        raise WrongTarget("This topic holds several events of this id. Give the position of the one that is meant.")
    positions = desk().index.positions_spelled(text, topic.name)
    if len(positions) > 1:
        ways = ", ".join(visible(position_words(position)) for position in positions[:MOST_WAYS])
        raise WrongTarget(f"Several partitions have this position. Say which is meant: {ways}.")
    if not positions:
        raise WrongTarget("The index knows no event of this id in this topic, and it is not a position in this topic either.")
    return desk().streams.row_at(positions[0])
