"""Looks at subscriptions of a real broker, and what they are diagnosed as."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from eventstore.backlogs import Look, look_at
from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.diagnosis import Certainty, Diagnosis, Fact, Mistake, diagnose
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage
from eventstore.subscriptions import State
from tests.safeguards import ONLY_LOOKING

LIMIT = timedelta(seconds=2)
"""How long an event may wait, and a cursor stand. Every process that tests share is given more than it needs."""
CONFIG = """
[limits]
stuck_after_seconds = 2

[topics]
ordered = ["*-ordered"]

[[subscription]]
name = "gateway-*"
positions = "external"
"""

Said = tuple[State, dict[Mistake, Certainty]]


@dataclass
class Watch:
    """A desk over a storage, with the looks that this test took."""

    storage: PulsarStorage
    looks: dict[tuple[str, str], list[Look]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desk = Desk(storage=self.storage, config=parse_config(CONFIG, "desk.toml"), safeguards=ONLY_LOOKING)
        self._published = 0

    def publish(self, topic: str, count: int = 1, *, keys: Sequence[str] = ("k",)) -> None:
        """Publish and index so many events, each in an entry of its own."""
        for _ in range(count):
            self._published += 1
            self.storage.log.append(topic, [event(self._published, keys[self._published % len(keys)])])
        self.index()

    def index(self) -> None:
        following = Following(storage=self.storage, config=self.desk.config, stop=threading.Event(), on_batch=lambda *_: None)
        index_until_caught_up(following)

    def look(self, topic: str, name: str) -> Diagnosis:
        """Take a look, and diagnose by all that were taken."""
        backlog = self.desk.subscriptions.backlog(topic, name)
        seen = self.looks.setdefault((topic, name), [])
        found = diagnose(backlog, seen, LIMIT)
        seen.append(look_at(backlog))
        return found


def event(number: int, key: str) -> NewMessage:
    properties = {
        "ce_specversion": "1.0", "ce_id": f"e-{number}", "ce_type": "Happened", "ce_source": "/s",
        "ce_aggregatetype": "case", "ce_aggregateid": key,
    }  # fmt: skip
    return NewMessage(payload=b'{"n": %d}' % number, key=key, properties=properties)


def said(found: Diagnosis) -> Said:
    return found.state, {finding.mistake: finding.certainty for finding in found.findings}


def facts(found: Diagnosis) -> set[Fact]:
    return {one.fact for one in [*found.evidence, *(one for finding in found.findings for one in finding.evidence)]}
