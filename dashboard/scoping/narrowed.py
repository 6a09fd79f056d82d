"""The desk as a person with a scope has it: every call of a face is answered out of the scope alone.

What lies outside is answered like what does not exist: left out of lists, and unknown where it is asked for by its name. A new
face has to be named in ``FACES``; what it answers is then looked through as all else is (``Sight.sees``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import is_dataclass, replace
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any, NoReturn

from dashboard.access.scopes import Scope
from dashboard.scoping.sight import Sight
from dashboard.scoping.special import SPECIAL
from eventstore.desk import Desk
from eventstore.extent import within
from eventstore.jobs import UnknownJob
from eventstore.model import (
    Event,
    EventStoreError,
    Message,
    Pointer,
    UnknownEvent,
    UnknownProjection,
    UnknownSubscription,
    UnknownTopic,
)
from eventstore.streams import Row

FACES = frozenset(
    {"log", "index", "streams", "subscriptions", "backlogs", "delivery", "letters", "diagnosis", "projections", "erasure"}
    | {"topic_details", "actions", "jobs", "replay_plans", "cursors", "replays", "generations", "tail", "scans", "values"}
)
WHOLE = frozenset({"config", "store", "read"})
"""What no page shows: the configuration, and the driver for commands and what has been looked through already."""
_OF_INDEX = frozenset({"index", "streams", "replay_plans", "values"})
"""Faces that read of the index what they answer, and fill nothing that others use: they read it within the scope."""
_LISTS = frozenset(
    {"items", "rows", "pointers", "topics", "letters", "copies", "readers", "aggregates", "losing", "refused", "subscriptions"}
)
"""Fields of answers that list things."""
_ERRORS: Mapping[type[EventStoreError], str] = {
    UnknownTopic: "There is no topic of this name.",
    UnknownEvent: "There is no event at this position, or retention has trimmed it.",
    UnknownSubscription: "There is no subscription of this name.",
    UnknownProjection: "There is no projection of this name.",
    UnknownJob: "There is no job of this id.",
}
"""What is said of whatever does not exist. A store's own words would tell it from what is hidden."""


class NarrowedDesk:
    """``Desk`` within a scope. It has its faces, and nothing else that is not in ``WHOLE``."""

    def __init__(self, whole: Desk, scope: Scope) -> None:
        self._whole = whole
        self.sight = Sight(
            scope,
            whole.config,
            topics=within(None)(lambda: whole.index.topics().values()),
            types=within(None)(lambda: [type.name for type in whole.index.aggregate_types()]),
            read=whole.read,
            rows_of=within(None)(whole.streams.rows_of),
        )

    def __getattr__(self, name: str) -> Any:
        if name not in FACES | WHOLE:
            raise AttributeError(f"The desk of a person with a scope has no {name!r}: name it in FACES.")
        found = getattr(self._whole, name)
        made = NarrowedFace(name, found, self.sight) if name in FACES else found
        setattr(self, name, made)
        return made


class NarrowedFace:
    """One face. A call with something outside of the scope finds nothing, and so does one whose answer lies outside."""

    def __init__(self, name: str, whole: Any, sight: Sight) -> None:
        self.name, self.whole, self.sight = name, whole, sight

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.whole, name)
        special = SPECIAL.get((self.name, name))
        if special is not None:
            return lambda *args, **named: self._answer(special, (self, *args), named, _topic_names(found, args, named))
        if not callable(found):
            return found
        return lambda *args, **named: self._answer(found, args, named, _topic_names(found, args, named))

    def _answer(self, call: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any], topics: Sequence[str]) -> Any:
        if not all(map(self.sight.has_topic, topics)):
            raise UnknownTopic(_ERRORS[UnknownTopic])
        for one in (*args, *named.values()):
            if one is not self and not self.sight.sees(one):
                gone(one)
        with within(self.sight.extent) if self.name in _OF_INDEX else nullcontext():
            try:
                return passed(self.sight, call(*args, **named))
            except tuple(_ERRORS) as error:
                raise _same(error) from error


def passed(sight: Sight, found: Any) -> Any:
    """The answer without what lies outside; an error as for what does not exist, where that is the whole answer."""
    if isinstance(found, list) or type(found) is tuple:
        kept = [passed(sight, each) for each in found if sight.sees(each)]
        return kept if isinstance(found, list) else tuple(kept)
    if isinstance(found, Mapping):
        return {key: passed(sight, each) for key, each in found.items() if sight.sees(key) and sight.sees(each)}
    if isinstance(found, Iterator):
        return (passed(sight, each) for each in found)
    if not sight.sees(found):
        gone(found)
    return _with_lists(sight, found) if is_dataclass(found) and not isinstance(found, type) else found


def gone(thing: object) -> NoReturn:
    """Say that this does not exist."""
    kind = type(thing).__name__
    error: type[EventStoreError] = UnknownTopic
    if isinstance(thing, Row | Pointer | Event | Message):
        error = UnknownEvent
    elif kind in ("Job", "Watched", "ReplayOrder"):
        error = UnknownJob
    elif kind == "Projection":
        error = UnknownProjection
    raise error(_ERRORS[error])


def _with_lists(sight: Sight, found: Any) -> Any:
    changed = {}
    for name in _LISTS:
        there = getattr(found, name, None)
        if isinstance(there, list | tuple):
            kept = [_with_lists(sight, each) if is_dataclass(each) else each for each in there if sight.sees(each)]
            if len(kept) < len(there) or any(one is not other for one, other in zip(kept, there, strict=True)):
                changed[name] = kept
    return replace(found, **changed) if changed else found


def _same(error: EventStoreError) -> EventStoreError:
    kind = next(kind for kind in _ERRORS if isinstance(error, kind))
    return kind(_ERRORS[kind])


def _topic_names(call: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Sequence[str]:
    """The topics that a call names by text."""
    at = _place_of_topic(getattr(call, "__func__", call))
    given = named.get("topic", args[at] if at is not None and at < len(args) else "")
    return [given] if isinstance(given, str) and given else []


@lru_cache(maxsize=512)
def _place_of_topic(call: Callable[..., Any]) -> int | None:
    """Where a call takes the name of a topic, among the arguments without ``self``."""
    names = [name for name, one in signature(call).parameters.items() if one.kind is not Parameter.VAR_KEYWORD]
    names = [name for name in names if name != "self"]
    return names.index("topic") if "topic" in names else None
