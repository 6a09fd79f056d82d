"""What a text names: a topic, a subscription, an aggregate, an event, an account or a token, in every form in which a page or
Pulsar itself writes it.

- a topic: ``documents``, ``public/default/documents``, ``persistent://…``, a partition ``documents-1`` or ``…-partition-1``;
- a subscription: ``mailer``, ``mailer of documents``, ``mailer on documents``, ``documents mailer``, ``documents / mailer``;
- an aggregate: its handle, ``4711``, ``patient 4711``, ``Patient 4711``, ``patient/4711``, ``patient:4711``, ``patient-4711``;
- an event: its id, or its position in any form (``documents-1 333``): see ``eventstore.index.lookup.spelled``;
- an account or a token: its name, ``ci (API token)``;
- any of them by the address of its page.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from django.urls import Resolver404, get_script_prefix, resolve

from dashboard.gateway import desk
from dashboard.privacy import public_id
from dashboard.rendering.text import humanize_type
from eventstore.model import IndexedTopic

T = TypeVar("T")

MOST_SPLITS = 20
"""Places in a text that are tried as the one between a topic and a name."""
_SCHEME = "persistent://"
_PARTITION = re.compile(r"(?P<topic>.+?)-(?:partition-)?(?P<number>\d{1,9})", re.DOTALL)
_NAME_FIRST = re.compile(r"\s+(?:of|on)\s+")
_TOPIC_FIRST = re.compile(r"\s*[/:]\s+|\s+")
_AFTER_TYPE = re.compile(r"\s*[/:]\s*|\s+|[-_#]")
_TOKEN = " (API token)"  # noqa: S105 - the words behind a token's name
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """What a text may mean.

    - ``topics``: topics, and all that lies in them.
    - ``names``: what lies in any topic or in none: subscriptions, ids of aggregates, accounts, tokens.
    - ``within``: pairs of topics, and the name of a subscription in one of them.
    - ``aggregates``: pairs of type and id.
    - ``of_event``: the text names an indexed event; then these are its topic and its aggregate.
    - ``of_position``: it names a position at which no event is indexed; then this is its topic.
    """

    topics: Sequence[str] = ()
    names: Sequence[str] = ()
    within: Sequence[tuple[Sequence[str], str]] = ()
    aggregates: Sequence[tuple[str, str]] = ()
    of_event: bool = False
    of_position: bool = False


def named(text: str, indexed: Mapping[str, IndexedTopic], types: Iterable[str]) -> Named:
    """What the text may mean. ``types`` are the aggregate types that it may begin with."""
    text = text.strip()
    if (by_address := _at_address(text, indexed)) is not None:
        return by_address
    bare = text.strip(_QUOTES).strip()
    event = _of_event(bare, indexed)
    return Named(
        topics=_distinct([*topics_named(text, indexed), *topics_named(bare, indexed), *event.topics]),
        names=_distinct([text, bare, bare.removesuffix(_TOKEN)]),
        within=[(topics_named(topic, indexed), name) for topic, name in _pairs(bare)],
        aggregates=_distinct([*_aggregates(bare, types), *event.aggregates]),
        of_event=event.of_event,
        of_position=event.of_position,
    )


def topics_named(text: str, indexed: Mapping[str, IndexedTopic]) -> Sequence[str]:
    """The topic as written, and all known topics that this may be a form of."""
    bare = text.removeprefix(_SCHEME)
    found = [text, bare, *_known(bare, indexed)]
    if partition := _PARTITION.fullmatch(bare):
        topic, number = partition["topic"], int(partition["number"])
        found += [name for name in _known(topic, indexed) if number < indexed[name].partitions]
    return _distinct(found)


def _known(name: str, indexed: Mapping[str, IndexedTopic]) -> list[str]:
    return [known for known in indexed if name in (known, known.rpartition("/")[2])]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """A topic and a name, as the text may hold them."""
    for between in list(_NAME_FIRST.finditer(text))[:MOST_SPLITS]:
        yield text[between.end() :], text[: between.start()]
    for between in list(_TOPIC_FIRST.finditer(text))[:MOST_SPLITS]:
        yield text[: between.start()], text[between.end() :]


def _aggregates(text: str, types: Iterable[str]) -> Iterator[tuple[str, str]]:
    for type in types:
        for name in {type.lower(), humanize_type(type).lower()}:
            after = _AFTER_TYPE.match(text, len(name))
            if after and text[: len(name)].lower() == name and text[after.end() :]:
                yield type, text[after.end() :]


def _of_event(text: str, indexed: Mapping[str, IndexedTopic]) -> Named:
    """The topics and aggregates of the events with this id or at this position, whether they are indexed or not."""
    pointers = [*desk().index.with_event_id(text), *desk().index.at_spelled(text, indexed)]
    positions = [pointer.position for pointer in pointers] or desk().index.positions_spelled(text, "")
    return Named(
        topics=[position.topic for position in positions],
        aggregates=[
            (one.aggregate_type, public_id(one.aggregate_type, one.aggregate_id)) for one in pointers if one.aggregate_id
        ],
        of_event=bool(pointers),
        of_position=bool(positions and not pointers),
    )


def _at_address(text: str, indexed: Mapping[str, IndexedTopic]) -> Named | None:
    """What the page at this address is about; ``None`` if it is not an address of a page about one thing."""
    prefix = get_script_prefix()
    try:
        path = urlsplit(text).path if text.startswith(("/", "http://", "https://")) else ""
        page = resolve("/" + path.removeprefix(prefix)) if path.startswith(prefix) else None
    except (ValueError, Resolver404):  # what resembles an address, and is none
        return None
    if page is None or not page.kwargs:
        return None
    given = page.kwargs
    if page.url_name in ("event", "event_payload"):
        return _of_event(given["id"], indexed)
    if "topic" in given and "name" in given:
        return Named(within=[(topics_named(given["topic"], indexed), given["name"])])
    if "topic" in given:
        return Named(topics=topics_named(given["topic"], indexed))
    return Named(aggregates=[(given["type"], given["id"])]) if "type" in given and "id" in given else None


def _distinct(found: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(found))
