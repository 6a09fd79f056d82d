"""Projections that the configuration declares: what each is for, what it reads, and how it may be given events again."""

import re
from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct
from msgspec.structs import replace

from eventstore.envelope.mapping import last_segment
from eventstore.model.toml_positions import KeyPath, KeyProblem

SHORTEST_SECRET = 32
SUBSCRIPTION = "{subscription}"
"""Stands in a status address for the name of the subscription, so that each generation can tell its own status."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_PORTS = {"http": 80, "https": 443}

Text = Annotated[str, Meta(min_length=1)]
Line = Annotated[str, Meta(min_length=1, max_length=300)]


class Way(StrEnum):
    """How a projection is given events again."""

    CURSOR = "cursor"
    """Its subscription's cursor is moved back."""
    GENERATION = "generation"
    """A new subscription reads from the first event, beside the old one."""
    TOPIC = "topic"
    """Marked copies are sent to its replay topic."""
    LOCAL = "local"
    """Its Python code is called here."""


UNDECLARED_WAYS = (Way.CURSOR, Way.GENERATION)
"""What can be done to a subscription of which nothing is declared."""


class Hooks(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Addresses that are called around a replay. Empty for none."""

    before: str = ""
    after: str = ""


class ProjectionLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one projection. ``None``: the one of ``[replays]``."""

    approval_above: Annotated[int, Meta(ge=0)] | None = None
    """A replay of more events than this needs a second person."""
    events_a_day: Annotated[int, Meta(ge=1)] | None = None
    """Events that one person may replay to it in 24 hours."""


class ReplayDefaults(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table ``[replays]``: what holds for every projection."""

    hosts: tuple[Text, ...] = ()
    """Hosts, with a port if it is not the usual one, that hooks and status addresses may name."""
    approval_above: Annotated[int, Meta(ge=0)] = 1000
    approval_hours: Annotated[int, Meta(ge=1, le=24 * 30)] = 24
    """Hours. An approval is void after that."""
    events_a_day: Annotated[int, Meta(ge=1)] = 1_000_000


class Projection(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[projection]]``: a read model that some service builds from one subscription of one or more topics."""

    name: str
    purpose: Line
    """What it is for, in words for people."""
    topics: Annotated[tuple[Text, ...], Meta(min_length=1)]
    """The topics that it reads, each by its full name or its last segment. Not patterns."""
    subscription: Text
    """The subscription by which it reads each of them: of its present generation."""
    owner: Annotated[str, Meta(max_length=300)] = ""
    """Who builds it, and where to reach them."""
    ordered: bool = True
    """Whether it relies on the order of each aggregate's events."""
    ways: Annotated[tuple[Way, ...], Meta(min_length=1)] = UNDECLARED_WAYS
    replay_topic: str = ""
    """The topic to which copies are sent: full name or last segment."""
    replay_subscription: str = ""
    """By which it reads the replay topic. Once checked: ``subscription``, if the file names none."""
    side_effects: dict[Text, Line] = {}
    """Pattern of an event type → what the projection does at such an event besides building its read model."""
    hooks: Hooks = Hooks()
    status: str = ""
    """Where the read model tells of itself, as a JSON object."""
    limits: ProjectionLimits = ProjectionLimits()
    local: str = ""
    """The dotted path of a Python projection with ``apply(event)``."""

    @property
    def declared(self) -> bool:
        """Whether the configuration names it. The name of any other one is that of a topic, a slash and a subscription."""
        return "/" not in self.name

    def reads(self, topic: str) -> bool:
        """Whether this is one of its topics, by full name or last segment."""
        return topic in self.topics or last_segment(topic) in self.topics

    def side_effect(self, event_type: str) -> str:
        """What it does at an event of this type besides building its read model; empty for nothing that is declared."""
        if event_type in self.side_effects:
            return self.side_effects[event_type]
        return next((what for pattern, what in self.side_effects.items() if fnmatchcase(event_type, pattern)), "")

    def status_of(self, subscription: str) -> str:
        """The status address of the generation with this subscription; empty if the projection has none."""
        return self.status.replace(SUBSCRIPTION, quote(subscription, safe=""))


def checked_projections(projections: Sequence[Projection], defaults: ReplayDefaults) -> tuple[Projection, ...]:
    """The projections, with what they leave out filled in. Raises ``KeyProblem`` for what cannot be used."""
    for number, host in enumerate(defaults.hosts):
        if not _HOST.fullmatch(host) or not _can_be_asked(host):
            raise KeyProblem(("replays", "hosts", number), 'expected a host, such as "hooks.example.org" or "10.0.0.7:8080"')
    checked: list[Projection] = []
    for number, one in enumerate(projections):
        place: KeyPath = ("projection", number)
        _check_names(one, place)
        _check_ways(one, place)
        _check_addresses(one, place, defaults.hosts)
        for other in checked:
            _check_pair(one, other, place)
        checked.append(replace(one, replay_subscription=one.replay_subscription or one.subscription))
    return tuple(checked)


def hook_secret_problem(projections: Sequence[Projection], secret: str) -> str:
    """Why hooks cannot be signed with this secret; empty if they can, or if there are none."""
    if len(secret) >= SHORTEST_SECRET or not any(one.hooks.before or one.hooks.after for one in projections):
        return ""
    state = f"has {len(secret)} characters" if secret else "is missing"
    return (
        f"A projection has hooks, but EVENTDESK_HOOK_SECRET {state}: set it to a long random text "
        f"({SHORTEST_SECRET} characters at least) that the services called know too."
    )


def _check_names(one: Projection, place: KeyPath) -> None:
    if not _NAME.fullmatch(one.name):
        raise KeyProblem((*place, "name"), "expected 1 to 80 letters, digits, dots, hyphens or underscores")
    for key in ("topics", "replay_topic"):
        given = one.topics if key == "topics" else (one.replay_topic,)
        if found := next((topic for topic in given if re.search(r"[*?\[\]]", topic)), ""):
            raise KeyProblem((*place, key), f'"{found}" is a pattern: name each topic, as a replay acts on exactly those')
    if len(set(map(last_segment, one.topics))) < len(one.topics):
        raise KeyProblem((*place, "topics"), "two of these topics have the same last segment, or are the same: keep one")


def _check_ways(one: Projection, place: KeyPath) -> None:
    if Way.TOPIC in one.ways and not one.replay_topic:
        raise KeyProblem((*place, "replay_topic"), 'the way "topic" needs the name of a replay topic, where copies are sent')
    if one.replay_topic and Way.TOPIC not in one.ways:
        raise KeyProblem((*place, "ways"), 'there is a replay topic: add "topic", or leave replay_topic out')
    if one.replay_topic and one.reads(one.replay_topic):
        raise KeyProblem((*place, "replay_topic"), "this is one of its own topics: copies need another one")
    if one.replay_subscription and not one.replay_topic:
        raise KeyProblem((*place, "replay_subscription"), "there is no replay topic for it to read: name one too")
    if Way.LOCAL in one.ways and not one.local:
        raise KeyProblem((*place, "local"), 'the way "local" needs the path of a projection: "shop.timeline.Timeline"')
    if one.local and not _DOTTED.fullmatch(one.local):
        raise KeyProblem((*place, "local"), 'expected a dotted path such as "shop.timeline.Timeline"')


def _check_addresses(one: Projection, place: KeyPath, hosts: Sequence[str]) -> None:
    for path, address in (
        (("hooks", "before"), one.hooks.before),
        (("hooks", "after"), one.hooks.after),
        (("status",), one.status),
    ):
        if address and (problem := _address_problem(address, hosts, of_each=path == ("status",))):
            raise KeyProblem((*place, *path), problem)


def _address_problem(address: str, hosts: Sequence[str], *, of_each: bool) -> str:
    """``of_each``: the name of a subscription may stand in its path and query, but never in its host."""
    expected = 'expected an address such as "https://hooks.example.org/replays"'
    try:
        if SUBSCRIPTION in address and (not of_each or SUBSCRIPTION in urlsplit(address).netloc):
            return f"{SUBSCRIPTION} may stand in the path or the query of a status address only"
        address = address.replace(SUBSCRIPTION, "name")
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return expected
    if parts.scheme not in _PORTS or not parts.hostname or re.search(r"[\s{}\"'<>\\]", address):
        return expected
    if not any(_is_host(host, parts.hostname, port, parts.scheme) for host in hosts):
        return f'the host "{parts.netloc}" is not in replays.hosts: add it there if it may be called'
    return _unusable_part(address)


def _unusable_part(address: str) -> str:
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.fragment:
        return "leave out the name, password or #fragment: calls are signed instead"
    return "" if address.isascii() else "write the address in ASCII: other characters of a path as %C3%A9, for instance"


def _can_be_asked(host: str) -> bool:
    """Whether its port, if it names one, is one that there is."""
    try:
        return urlsplit(f"//{host}").port != 0
    except ValueError:
        return False


def _is_host(allowed: str, host: str, port: int, scheme: str) -> bool:
    """Whether the entry of ``replays.hosts`` names this host and port. One without a port means the scheme's usual port."""
    parts = urlsplit(f"//{allowed}")
    return parts.hostname == host and (parts.port or _PORTS[scheme]) == port


def _check_pair(one: Projection, other: Projection, place: KeyPath) -> None:
    if one.name == other.name:
        raise KeyProblem((*place, "name"), f'another projection is called "{one.name}": choose another name')
    shared = [topic for topic in one.topics if any(_is_same(topic, theirs) for theirs in other.topics)]
    if shared and one.subscription == other.subscription:
        text = f'"{other.name}" has this subscription of {shared[0]} as well: a replay to one would reach the other'
        raise KeyProblem((*place, "subscription"), text)
    readers = {each.replay_subscription or each.subscription for each in (one, other)}
    if one.replay_topic and _is_same(one.replay_topic, other.replay_topic) and len(readers) == 1:
        text = f'"{other.name}" reads this replay topic by the same subscription: give each its own'
        raise KeyProblem((*place, "replay_topic"), text)


def _is_same(one: str, other: str) -> bool:
    """Whether both names may be of one topic: they are equal, or one is the last segment of the other."""
    return one in (other, last_segment(other)) or other == last_segment(one)
