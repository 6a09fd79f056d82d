"""What is wrong now, as the databases tell: the store is not asked. Holds names of topics and subscriptions, and figures."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from dashboard.auditing.sealing import SealState, seal_state
from dashboard.letters.summary import counted_letters, kept_letters
from dashboard.rendering.text import format_duration, format_number
from dashboard.subscriptions import backlog_cache
from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.marks import events_words
from dashboard.web.store_health import current_index_health
from eventstore.config import About


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """``words`` say it as it is now, ``path`` is the page about it. ``figure`` counts what may grow while it lasts."""

    kind: About
    words: str
    path: str
    topic: str = ""
    subscription: str = ""
    figure: int = 0

    @property
    def key(self) -> str:
        return key_of(self.kind, self.topic, self.subscription)


def key_of(kind: About, topic: str = "", subscription: str = "") -> str:
    return hashlib.sha256(json.dumps([kind, topic, subscription]).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one look saw: what is ``wrong``, and the keys of all that is ``there``, wrong or not.

    ``kinds``: what was looked for, and the databases know enough of it. Of others nobody can say what has begun or is over.
    """

    wrong: Sequence[Condition]
    there: Set[str]
    kinds: Set[About]


_Looked = tuple[Sequence[Condition], Set[str]]


def conditions() -> Seen:
    """All that is wrong now, of what the configuration asks for. Raises ``DatabaseError``."""
    about = settings.EVENTDESK.alerts.about
    looked = {kind: found for kind, find in _FINDERS.items() if kind in about and (found := find()) is not None}
    return Seen(
        wrong=[one for wrong, _ in looked.values() for one in wrong],
        there=frozenset(key for _, there in looked.values() for key in there),
        kinds=frozenset(looked),
    )


def _stuck() -> _Looked | None:
    snapshot = backlog_cache.as_stored()
    if snapshot is None:
        return None
    lines = snapshot.of_services
    there = {key_of(About.STUCK, line.topic.name, line.subscription.name) for line in lines}
    return [_of_line(line) for line in lines if line.needs_attention], there


def _of_line(line: Line) -> Condition:
    name, topic = line.subscription.name, line.topic.name
    since = f" for {line.still_for}" if line.still_for else ""
    waits = f"{events_words(line.backlog)} wait"
    return Condition(
        kind=About.STUCK,
        words=f"The subscription {name} of {topic} has not moved{since}; {waits}.",
        path=reverse("subscription", args=[topic, name]),
        topic=topic,
        subscription=name,
    )


def _dead_letters() -> _Looked | None:
    snapshot = backlog_cache.as_stored()
    if snapshot is None:
        return None
    kept = kept_letters(snapshot.lines)
    counted = [(letters, topic.topic) for letters, topic in counted_letters(snapshot.lines)]
    there = {key_of(About.DEAD_LETTERS, topic) for _, topic in counted}
    return [_of_letters(letters, topic, waiting=topic in kept) for letters, topic in counted if letters], there


def _of_letters(letters: int, topic: str, *, waiting: bool) -> Condition:
    ever = "" if waiting else ", counting all that it ever held"
    return Condition(
        kind=About.DEAD_LETTERS,
        words=f"{format_number(letters)} dead letter{'' if letters == 1 else 's'} in {topic}{ever}.",
        path=reverse("topic", args=[topic]),
        topic=topic,
        figure=letters,
    )


def _index_behind() -> _Looked | None:
    health = current_index_health()
    if not health.topics:
        return None
    there = {key_of(About.INDEX_BEHIND)}
    if not health.watched or (health.behind is not None and health.behind <= settings.EVENTDESK.alerts.index_behind_seconds):
        return [], there
    behind = "has not indexed everything yet" if health.behind is None else f"is {format_duration(health.behind)} behind"
    runs = "" if health.indexers else " No index process runs."
    return [Condition(kind=About.INDEX_BEHIND, words=f"The index {behind}.{runs}", path=reverse("indexing"))], there


def _seal_missing() -> _Looked | None:
    state = seal_state(newest=1)
    if not state.configured:
        return [], set()
    there, words = {key_of(About.SEAL_MISSING)}, seal_words(state)
    return [Condition(kind=About.SEAL_MISSING, words=words, path=reverse("audit"))] if words else [], there


def seal_words(state: SealState) -> str:
    """What is wrong with the record's seals, in a sentence; empty if nothing is, or none are set up."""
    if state.problem:
        return f"Whether the audit record is being sealed cannot be told: {state.problem}"
    if not state.late:
        return ""
    last = f"; the last one is of {state.last.time_text}" if state.last else ""
    return f"The audit record is not being sealed{last}."


_FINDERS: Mapping[About, Callable[[], _Looked | None]] = {
    About.STUCK: _stuck,
    About.DEAD_LETTERS: _dead_letters,
    About.INDEX_BEHIND: _index_behind,
    About.SEAL_MISSING: _seal_missing,
}
