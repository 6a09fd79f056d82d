"""What a person gives: a time, an event, a number, places. In every form in which a page shows or copies them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.http import QueryDict

from dashboard.gateway import desk
from dashboard.rendering.text import position_words, visible
from eventstore.model import InvalidPosition, Position, Topic
from eventstore.streams import Row

MOST_WAYS = 4
"""Positions of a label alone that are named."""
MOST_EVENTS = 10_000_000
"""Events that are skipped at once by their number."""


class WrongTarget(ValueError):
    """The target is missing or cannot be used. The text says what to do."""


def given_time(given: QueryDict) -> datetime | None:
    """The time as it was filled in, for the form that is shown again; ``None`` if it is none."""
    try:
        return time_of(given.get("time", ""))
    except WrongTarget:
        return None


def time_of(text: str) -> datetime:
    """An ISO 8601 time; one without an offset is UTC, as the form says where no script has changed it."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongTarget("Give a day and a time, such as 2026-11-22T21:10 (UTC) or 2026-11-22T21:10+01:00.") from error


def row_of(text: str, topic: Topic) -> Row:
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


def number_of(text: str) -> int:
    """How many events: a whole number from 1 on. Pages write large ones with commas."""
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_EVENTS)) and 0 < int(digits) <= MOST_EVENTS):
        raise WrongTarget(f"Give the number of events to skip: a whole number from 1 to {MOST_EVENTS:,}.")
    return int(digits)


def partition_of(text: str, topic: Topic) -> int:
    """Which partition; empty for a topic that has but one."""
    digits = text.strip()
    if not digits and topic.partitions == 1:
        return 0
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) < topic.partitions):
        raise WrongTarget(
            f"Each partition has its own next event. Say in which one to skip: a number from 0 to {topic.partitions - 1}."
        )
    return int(digits)


def ends_of(text: str, topic: Topic) -> Mapping[int, Position]:
    """The places that a preview has worked out, as its form sends them: ``0:token,1:token``."""
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number, _, _ in pairs):
        raise InvalidPosition("These are not the places of a preview. Open the preview again.")
    return {int(number): Position(topic=topic.name, partition=int(number), token=token) for number, _, token in pairs}


def ends_text(ends: Mapping[int, Position]) -> str:
    """The places as ``ends_of`` reads them."""
    return ",".join(f"{number}:{end.token}" for number, end in sorted(ends.items()))
