"""What is wrong now, as the databases tell: the store is not asked. Holds names of topics and subscriptions, and figures."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from dashboard.auditing.sealing import seal_state
from dashboard.letters.summary import counted_letters
from dashboard.rendering.text import format_duration, format_number
from dashboard.subscriptions import backlog_cache
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
        return hashlib.sha256(json.dumps([self.kind, self.topic, self.subscription]).encode()).hexdigest()


def conditions() -> Sequence[Condition]:
    """All that is wrong now, of what the configuration asks for. Raises ``DatabaseError``."""
    about = settings.EVENTDESK.alerts.about
    return [one for kind, found in _FINDERS.items() if kind in about for one in found()]


def _stuck() -> Iterator[Condition]:
    snapshot = backlog_cache.as_stored()
    for line in snapshot.of_services if snapshot else ():
        if line.needs_attention:
            name, topic = line.subscription.name, line.topic.name
            since = f" for {line.still_for}" if line.still_for else ""
            waits = f"{events_words(line.backlog)} wait"
            yield Condition(
                kind=About.STUCK,
                words=f"The subscription {name} of {topic} has not moved{since}; {waits}.",
                path=reverse("subscription", args=[topic, name]),
                topic=topic,
                subscription=name,
            )


def _dead_letters() -> Iterator[Condition]:
    snapshot = backlog_cache.as_stored()
    for letters, topic in counted_letters(snapshot.lines if snapshot else ()):
        if letters:
            yield Condition(
                kind=About.DEAD_LETTERS,
                words=f"{format_number(letters)} dead letter{'' if letters == 1 else 's'} in {topic.topic}.",
                path=reverse("topic", args=[topic.topic]),
                topic=topic.topic,
                figure=letters,
            )


def _index_behind() -> Iterator[Condition]:
    health = current_index_health()
    if not health.watched or (health.behind is not None and health.behind <= settings.EVENTDESK.alerts.index_behind_seconds):
        return
    behind = "has not indexed everything yet" if health.behind is None else f"is {format_duration(health.behind)} behind"
    runs = "" if health.indexers else " No index process runs."
    yield Condition(kind=About.INDEX_BEHIND, words=f"The index {behind}.{runs}", path=reverse("indexing"))


def _seal_missing() -> Iterator[Condition]:
    state = seal_state(newest=1)
    if state.configured and (state.late or state.problem):
        last = f"; the last one is of {state.last.time_text}" if state.last else ""
        yield Condition(kind=About.SEAL_MISSING, words=f"The audit record is not being sealed{last}.", path=reverse("audit"))


_FINDERS = {
    About.STUCK: _stuck,
    About.DEAD_LETTERS: _dead_letters,
    About.INDEX_BEHIND: _index_behind,
    About.SEAL_MISSING: _seal_missing,
}
