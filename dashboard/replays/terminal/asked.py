"""What the command line asks for: a projection, a way, and which events."""

import base64
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.gateway import desk
from dashboard.models import Person
from dashboard.privacy import SERVER, filter_problem, given_id, ids_in_filter, profile_of
from dashboard.replays.reading import NOT_READ, Until, ends_in, ends_told, time_in, ways_for
from eventstore.model import InvalidPosition, InvalidReplay
from eventstore.projections import Projection
from eventstore.replays import Kind, Way, What
from eventstore.search import parse_filter

NO_CODE = (
    "This is not the code of a plan. Run 'replay plan' with the same options, and give 'replay start' the code it prints."
)


def add_what_options(parser: ArgumentParser) -> None:
    """The options by which a plan says what it is of."""
    parser.add_argument("projection", help="its name in the configuration, or a topic, a slash and a subscription")
    parser.add_argument(
        "--way",
        choices=[way.value for way in Way],
        default="",
        help="default: the one that takes these events and disturbs least",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--aggregate",
        nargs=2,
        metavar=("TYPE", "ID"),
        help="the events of one aggregate; of a personal id, its handle will do",
    )
    which.add_argument("--event", action="append", metavar="ID", help="this event; may be given several times")
    which.add_argument("--since", metavar="TIME", help="events published then or later: 2026-11-30T09:00:00Z")
    which.add_argument("--filter", metavar="TEXT", help="events that match this filter")
    which.add_argument("--everything", action="store_true", help="all events")
    parser.add_argument("--topic", default="", help="of this topic alone (full name)")
    parser.add_argument("--ticket", default="", help="the ticket that this is for, such as SUP-8812; 'start' needs one")


def what_of(options: Mapping[str, Any]) -> What:
    """Raises ``InvalidReplay`` for a time that is none."""
    topic = str(options["topic"])
    if options["aggregate"]:
        type, id = options["aggregate"]
        return What(kind=Kind.AGGREGATE, topic=topic, aggregate=(type, given_id(type, id, SERVER)))
    if options["event"]:
        return What(kind=Kind.EVENT, topic=topic, events=tuple(options["event"]))
    if options["since"]:
        return What(kind=Kind.SINCE, topic=topic, time=time_in(options["since"]))
    if options["filter"]:
        return What(kind=Kind.FILTER, topic=topic, filter=ids_in_filter(options["filter"], SERVER))
    return What(kind=Kind.EVERYTHING, topic=topic)


def refuse_masked_filter(text: str, name: str) -> None:
    """Raise ``InvalidReplay`` if the person of this name may not filter so: by a value that is masked for them."""
    person = Person.objects.filter(username=name).first()
    if person is not None and (problem := filter_problem(parse_filter(text), profile_of(person))):
        raise InvalidReplay(problem)


def way_of(given: str, projection: Projection, what: What) -> Way:
    """The way that is asked for. Without one: the gentlest that takes this choice, as on the page."""
    if given:
        return Way(given)
    return next(iter(ways_for(projection, what.kind.value)), Way.TOPIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What ``plan`` prints and ``start`` is given: the plan's digest, its frozen ends, and the newest act at that time."""

    digest: str
    until: Until
    since: int

    def text(self) -> str:
        told = json.dumps([self.digest, ends_told(self.until), self.since], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode()

    @staticmethod
    def of(text: str) -> "Code":
        """Read what ``text`` wrote. Raises ``InvalidPosition`` for anything else."""
        try:
            digest, until, since = json.loads(base64.urlsafe_b64decode(text.encode()))
            return Code(digest=str(digest), until=ends_in(until), since=int(since))
        except NOT_READ as error:  # that of base64 is a ValueError
            raise InvalidPosition(NO_CODE) from error


def projection_of(name: str) -> Projection:
    return desk().projections.get(name)
