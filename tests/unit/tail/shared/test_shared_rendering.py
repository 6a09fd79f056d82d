"""What is read together is rendered once for each access level, and nobody is given another's rendering."""

import json
from typing import Any

import pytest

from dashboard.privacy import AccessProfile
from dashboard.rendering import event_as_json
from dashboard.sockets.tail import frame_parts
from dashboard.sockets.tail.frames import Framing, divide_take, frame_texts
from eventstore.model.events import NewMessage
from tests.contract.helpers import soon
from tests.unit.tail.shared.conftest import Counting
from tests.unit.tail.subscribers.watching import Watch

SECRET = "patient 4711"
COUNT = 300


def test_each_gets_the_events_as_its_access_level_sees_them_rendered_once(
    log: Counting, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []

    def counted(event: Any, profile: AccessProfile) -> bytes:
        rendered.append(profile.name)
        return event_as_json(event, profile)

    monkeypatch.setattr(frame_parts, "event_as_json", counted)
    topic = log.create_topic("documents")
    scripts = [watch(topic) for _ in range(6)]
    payload = json.dumps({"secret": SECRET}).encode()
    log.append(topic.name, [NewMessage(payload=payload, key=str(number)) for number in range(COUNT)])
    tail = scripts[0].subscriber.tails[0]
    assert soon(lambda: tail.ring._events == COUNT)
    levels = (AccessProfile(name="support", sees_values=True), AccessProfile(name="viewer", sees_values=False))
    framings = [Framing(whole_events=True, profile=levels[number % 2]) for number in range(6)]
    given: list[list[Any]] = [[] for _ in scripts]

    def there() -> bool:
        for script, framing, events in zip(scripts, framings, given, strict=True):
            for content in divide_take(script.subscriber.take(), framing):
                events.extend(json.loads(b"".join(frame_texts(1, content, framing, "mark")))["events"])
        return all(len(events) >= COUNT for events in given)

    assert soon(there)
    for number, events in enumerate(given):
        assert len({event["position"] for event in events}) == len(events) == COUNT
        shown = json.dumps(events)
        assert (SECRET in shown) is (number % 2 == 0)
        assert ('"masked"' in shown) is (number % 2 == 1)
    for level in levels:
        assert rendered.count(level.name) < 2 * COUNT, "not once for each of the three"
