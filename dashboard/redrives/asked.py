"""What a redrive's preview asks for, in its address and in its form: which letters, and where to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from dashboard.gateway import desk
from dashboard.letters.asked import NOT_WRITTEN, Asked, as_posted, asked_for, chosen_in, posted_in
from dashboard.web.filter_form import EnteredFilter, noted_if_refused, read_filter
from dashboard.web.pages import profile_of
from eventstore.letters import DeadLetterTopic
from eventstore.model import InvalidPosition, NotSupported, Position, Subscription
from eventstore.redrives import Aim, targets_of

MOST_CHOSEN = 1_000
_END = re.compile(r"(\d{1,9}):(\d{1,15})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A topic that the letters can go to. ``home``: the original topic. ``receives``: its subscription of the same name.
    ``others``: the names of those that get the letters too."""

    topic: str
    home: bool
    receives: Subscription | None
    others: Sequence[str]

    @property
    def consumed(self) -> bool:
        return self.receives is not None and bool(self.receives.consumers)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedRedrive:
    """``targets``: retry topics first, the original topic last. ``filter`` has no text where letters were chosen, or all are
    meant."""

    asked: Asked
    dead: DeadLetterTopic
    filter: EnteredFilter
    targets: Sequence[Target]
    target: Target
    aim: Aim


def asked_redrive(request: HttpRequest, topic: str, name: str) -> AskedRedrive | EnteredFilter:
    """What the address or the form asks for; the filter itself where it cannot be used.

    Raises ``NotSupported`` for a subscription without a dead-letter topic.
    """
    given = request.GET if request.method == "GET" else request.POST
    asked = asked_for(given, topic, name)
    if asked.dead is None or asked.retried:
        raise NotSupported("This subscription has no such dead-letter topic. Go back to the subscription.")
    chosen = _posted(given["letters"], asked.dead) if "letters" in given else chosen_in(given, asked.dead)
    text = "" if chosen else given.get("filter", "")
    entered = read_filter(text, profile_of(request), topics=asked.searched)
    if noted_if_refused(request, entered).problem:
        return entered
    if not chosen and "all" not in given:
        raise InvalidPosition("No letter was chosen. Tick the letters to be redriven, or redrive all.")
    targets = _targets(asked)
    target = _target(targets, given.get("target", ""))
    aim = Aim(
        letters=desk().letters,
        source=asked.topic.name,
        name=name,
        target=target.topic,
        positions=chosen,
        filter=entered.filter,
        until=_until(given),
        alone="alone" in given,
    )
    return AskedRedrive(asked=asked, dead=asked.dead, filter=entered, targets=targets, target=target, aim=aim)


def address_of(wanted: AskedRedrive) -> str:
    """The preview's address, for another target: it ends with a query to which more can be added."""
    which = {"letters": as_posted(wanted.aim.positions)} if wanted.aim.positions else {"all": "1"}
    filtered = {"filter": wanted.filter.text} if wanted.filter.filter else {}
    alone = {"alone": "1"} if wanted.aim.alone else {}
    query = urlencode({"of": wanted.dead.topic.name, **which, **filtered, **alone})
    return f"{reverse('redrive_new', args=[wanted.asked.topic.name, wanted.asked.name])}?{query}"


def until_as_posted(until: Mapping[int, int]) -> str:
    return " ".join(f"{partition}:{ordinal}" for partition, ordinal in sorted(until.items()))


def _targets(asked: Asked) -> Sequence[Target]:
    found = []
    for topic in targets_of(desk().letters, asked.topic.name, asked.name):
        there = desk().subscriptions.of_topic(topic)
        receives = next((one for one in there if one.name == asked.name), None)
        others = [one.name for one in there if one.name != asked.name and not one.kind.of_the_store]
        found.append(Target(topic=topic, home=topic == asked.topic.name, receives=receives, others=others))
    return found


def _target(targets: Sequence[Target], wanted: str) -> Target:
    """The one that is asked for; else a retry topic that something consumes; else the original topic."""
    fitting = [one for one in targets if one.topic == wanted] or [one for one in targets if one.consumed and not one.home]
    return (fitting or [targets[-1]])[0]


def _posted(text: str, dead: DeadLetterTopic) -> Sequence[Position]:
    found = posted_in(text, dead)
    if len(found) > MOST_CHOSEN:
        raise InvalidPosition(NOT_WRITTEN)
    return found


def _until(given: QueryDict) -> Mapping[int, int] | None:
    text = given.get("until", "")
    if not text:
        return None
    found = [_END.fullmatch(place) for place in text.split(" ")]
    if not all(found):
        raise InvalidPosition(NOT_WRITTEN)
    return {int(one[1]): int(one[2]) for one in found if one}
