"""Events with an anomaly of each kind among clean ones, for any store. What should be found is listed next to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from eventstore.model.anomalies import Anomaly
from eventstore.model.events import NewMessage
from eventstore.model.log import Log

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
JUNK = b"\x00\x9f\xff no event"


def cloud_event(id: str, aggregate: str, sequence: int | str = "", *, minute: float = 0, **attributes: str) -> NewMessage:
    """Return a CloudEvent of an order, ``minute`` minutes after nine."""
    time = START + timedelta(minutes=minute)
    given = {
        "specversion": "1.0",
        "id": id,
        "type": "OrderChanged",
        "source": "/orders",
        "time": time.isoformat(),
        "aggregatetype": "order",
        "aggregateid": aggregate,
        "sequence": str(sequence),
        **attributes,
    }
    properties = {f"ce_{name}": value for name, value in given.items() if value}
    return NewMessage(payload=f'{{"order": "{aggregate}"}}'.encode(), key=aggregate, properties=properties)


EVENTS: Sequence[NewMessage] = (
    *(cloud_event(f"clean-{number}", "clean", number, minute=number) for number in range(1, 6)),
    cloud_event("skips-1", "skips", 1),
    cloud_event("skips-2", "skips", 2, minute=1),
    cloud_event("skips-5", "skips", 5, minute=2),
    cloud_event("skips-6", "skips", 6, minute=3),
    cloud_event("back-1", "back", 7),
    cloud_event("back-2", "back", 8, minute=1),
    cloud_event("back-3", "back", 7, minute=2),
    cloud_event("back-4", "back", 9, minute=3),
    cloud_event("twice-1", "twice", 1),
    cloud_event("twice-2", "twice", 2, minute=1),
    cloud_event("twice-1", "twice", 1),
    cloud_event("twice-3", "twice", 3, minute=2),
    cloud_event("earlier-1", "earlier", 1, minute=10),
    cloud_event("earlier-2", "earlier", 2, minute=7),
    cloud_event("earlier-3", "earlier", 3, minute=11),
    NewMessage(payload=JUNK, key="junk"),
    cloud_event("unnumbered-1", "unnumbered"),
    cloud_event("unnumbered-2", "unnumbered", minute=1),
)

FOUND: Mapping[Anomaly, Sequence[str]] = {
    Anomaly.SEQUENCE_SKIPS: ["skips-5"],
    Anomaly.SEQUENCE_GOES_BACK: ["back-3"],
    Anomaly.DUPLICATE_ID: ["twice-1"],
    Anomaly.TIME_GOES_BACK: ["earlier-2"],
}
"""The ids of the events with each kind. In addition, one message without an id fits no envelope."""


def as_replay(original: NewMessage) -> NewMessage:
    """Return a copy as a replay makes it."""
    assert original.properties is not None
    of = {"replayid": "r-1", "replayof": original.properties["ce_id"]}
    return NewMessage(payload=original.payload, key=original.key, properties={**original.properties, **of})


def as_dead_letter(original: NewMessage, label: str) -> NewMessage:
    """Return a copy of the message at the position with this label, as Pulsar's clients make it."""
    ledger, _, rest = label.partition(":")
    entry, _, batch = rest.partition(":")
    message_id = f"{ledger}:{entry}:-1{':' if batch else ''}{batch}" if rest else label
    of = {"ORIGIN_MESSAGE_ID": message_id, "REAL_TOPIC": "orders"}
    return NewMessage(payload=original.payload, key=original.key, properties={**original.properties, **of})


def plant(log: Log, topic: str) -> None:
    """Append all events to this topic, one by one, and the first of them, late and in reverse, to derived topics."""
    log.create_topic(topic)
    positions = [log.append(topic, [message])[0] for message in EVENTS]
    replay, letters = log.create_topic(f"{topic}-replay"), log.create_topic(f"{topic}-mailer-DLQ")
    for message in (EVENTS[4], EVENTS[1], EVENTS[1], NewMessage(payload=JUNK)):
        log.append(replay.name, [as_replay(message) if message.key else message])
    for place in (3, 0, 3):
        log.append(letters.name, [as_dead_letter(EVENTS[place], positions[place].label)])
