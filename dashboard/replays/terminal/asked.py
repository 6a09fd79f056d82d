"""What the command line asks for: a projection, a way, and which events."""

import base64
import binascii
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dashboard.gateway import desk
from eventstore.model import InvalidPosition
from eventstore.projections import Projection
from eventstore.replays import Kind, Way, What

Until = Mapping[str, Mapping[int, int]]
NO_CODE = (
    "This is not the code of a plan. Run 'replay plan' with the same options, and give 'replay start' the code it prints."
)


def add_what_options(parser: ArgumentParser) -> None:
    """The options by which a plan says what it is of."""
    parser.add_argument("projection", help="its name in the configuration, or a topic, a slash and a subscription")
    parser.add_argument("--way", choices=[way.value for way in Way], default="", help="default: the first that fits")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--aggregate", nargs=2, metavar=("TYPE", "ID"), help="the events of one aggregate")
    which.add_argument("--event", action="append", metavar="ID", help="this event; may be given several times")
    which.add_argument("--since", metavar="TIME", help="events published then or later: 2026-11-30T09:00:00Z")
    which.add_argument("--filter", metavar="TEXT", help="events that match this filter")
    which.add_argument("--everything", action="store_true", help="all events")
    parser.add_argument("--topic", default="", help="of this topic alone (full name)")
    parser.add_argument("--ticket", default="", help="the ticket that this is for, such as SUP-8812")


def what_of(options: Mapping[str, Any]) -> What:
    """Raises ``InvalidPosition`` for a time that is none."""
    topic = str(options["topic"])
    if options["aggregate"]:
        type, id = options["aggregate"]
        return What(kind=Kind.AGGREGATE, topic=topic, aggregate=(type, id))
    if options["event"]:
        return What(kind=Kind.EVENT, topic=topic, events=tuple(options["event"]))
    if options["since"]:
        return What(kind=Kind.SINCE, topic=topic, time=_time(options["since"]))
    if options["filter"]:
        return What(kind=Kind.FILTER, topic=topic, filter=options["filter"])
    return What(kind=Kind.EVERYTHING, topic=topic)


def way_of(given: str, projection: Projection, what: What) -> Way:
    """The way that is asked for. Without one: copies for single events if the projection takes them, else its first way."""
    if given:
        return Way(given)
    ways = [Way(way.value) for way in projection.ways]
    if what.kind in (Kind.AGGREGATE, Kind.EVENT, Kind.FILTER) or not ways:
        return Way.TOPIC
    return next((way for way in ways if way is not Way.TOPIC or len(ways) == 1), ways[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What ``plan`` prints and ``start`` is given: the plan's digest, its frozen ends, and the newest act at that time."""

    digest: str
    until: Until
    since: int

    def text(self) -> str:
        until = {topic: {str(number): end for number, end in ends.items()} for topic, ends in self.until.items()}
        told = json.dumps([self.digest, until, self.since], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode()

    @staticmethod
    def of(text: str) -> "Code":
        """Read what ``text`` wrote. Raises ``InvalidPosition`` for anything else."""
        try:
            digest, until, since = json.loads(base64.urlsafe_b64decode(text.encode()))
            ends = {str(topic): {int(number): int(end) for number, end in each.items()} for topic, each in until.items()}
            return Code(digest=str(digest), until=ends, since=int(since))
        except (binascii.Error, ValueError, TypeError, AttributeError) as error:
            raise InvalidPosition(NO_CODE) from error


def projection_of(name: str) -> Projection:
    return desk().projections.get(name)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidPosition(f"{text!r} is no time. Write it like 2026-11-30T09:00:00Z.") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
