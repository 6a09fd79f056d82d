"""The demo's projection ``app-timeline``: two consumers that build the table behind the patient's app.

One reads ``documents``. It is stuck at an uploaded document whose form it does not understand: it neither acknowledges the
event nor disconnects. All later events of that partition wait, while the other partition continues. After a cursor reset it
receives again. The other one reads the replay topic, and leaves out what it does not understand.
"""

import json
import threading
from collections.abc import Mapping, Sequence

from dashboard.demo import app_table
from dashboard.demo.history import SUBSCRIPTIONS
from eventstore.model import Consumer, Log, Message, NewMessage, Position, Subscriptions


def build_timeline(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    """Get stuck in each partition at the first event that it does not understand, until somebody moves the cursor there.

    It stays connected and receives ahead, as clients do, but acknowledges nothing after that event, so the partition waits.
    """
    stuck_at: dict[int, Position] = {}
    while not stop.is_set() and not _moved(log, subscriptions, stuck_at):
        handled: list[Message] = []
        for message in consumer.receive(limit=100, timeout=1.0):
            position = message.position
            if position.partition not in stuck_at:
                if understood(message):
                    handled.append(message)
                else:
                    stuck_at[position.partition] = position
            elif position <= stuck_at[position.partition]:
                return  # the event came again, so the cursor was moved back
        _take(consumer, handled)


def follow_replays(log: Log, subscriptions: Subscriptions, consumer: Consumer, stop: threading.Event) -> None:
    """Take what is replayed as if it had come for the first time."""
    while not stop.is_set():
        _take(consumer, consumer.receive(limit=100, timeout=1.0))


def understood(message: Message | NewMessage) -> bool:
    """Whether the app's timeline can handle this: a ``DocumentUploaded`` needs a string ``uploadedBy``.

    It skips other events, and payloads that are not JSON.
    """
    if message.properties.get("ce_type") != "DocumentUploaded":
        return True
    try:
        uploaded = json.loads(message.payload)
    except ValueError:
        return True
    return isinstance(uploaded, dict) and isinstance(uploaded.get("uploadedBy"), str)


def _take(consumer: Consumer, messages: Sequence[Message]) -> None:
    """Write first and acknowledge then: what a crash leaves unacknowledged comes again, and changes nothing."""
    if messages:
        app_table.write(messages)
    for message in messages:
        consumer.acknowledge(message.position)


def _moved(log: Log, subscriptions: Subscriptions, stuck_at: Mapping[int, Position]) -> bool:
    """Whether somebody has moved a cursor past an event where this consumer is stuck. If so, it has to connect again."""
    if not stuck_at:
        return False
    topic = log.topic(SUBSCRIPTIONS["app-timeline"][0]).name
    cursors = subscriptions.named(topic, "app-timeline").cursors
    places = {cursor.partition: cursor.acknowledged for cursor in cursors}
    return any((place := places.get(partition)) is not None and place >= event for partition, event in stuck_at.items())
