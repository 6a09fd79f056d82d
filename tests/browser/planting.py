"""Publishes ``tests.planted`` into the configured store, as a process: ``python -m tests.browser.planting TOPIC [of]``.

With a topic ``of``, some of its events are dead letters of its subscription app-timeline as well. The desk's own subscription
keeps them, and one is buried.
"""

import sys

from eventstore.model.events import NewMessage
from eventstore.model.log import Edge, Log
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.stores import storage_of_this_process

KEEPER = "eventdesk-redrive"


def main(topic: str, of: str = "") -> None:
    storage = storage_of_this_process()
    from tests.planted import plant  # what it imports needs Django, which is set up by now

    plant(storage.log, topic)
    if of:
        give_up(storage, of)
    storage.close()


def give_up(storage: Storage, topic: str) -> None:
    letters = storage.log.create_topic(f"{topic}-app-timeline-DLQ").name
    storage.log.append(letters, letters_of(storage.log, topic))
    subscriptions = subscriptions_of(storage)
    subscriptions.create(letters, KEEPER, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    with subscriptions.consume(letters, KEEPER, type=SubscriptionType.SHARED, consumer="desk") as consumer:
        [first] = consumer.receive(limit=1, timeout=5)
        consumer.acknowledge(first.position)


def letters_of(log: Log, topic: str) -> list[NewMessage]:
    """The first three events, as letters with a reason."""
    said = {"REAL_TOPIC": topic, "REAL_SUBSCRIPTION": "app-timeline", "RECONSUMETIMES": "3", "exception": "No such practice"}
    return [
        NewMessage(
            payload=one.payload,
            key=one.key,
            properties={**one.properties, **said, "ORIGIN_MESSAGE_ID": one.position.label},
        )
        for one in log.read_forward(topic, 0, limit=3)
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
