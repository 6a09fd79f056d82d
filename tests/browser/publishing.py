"""Publishes the hostile messages into the configured store, as a process: ``python -m tests.browser.publishing TOPIC``.

Prints, for each, its position. Makes subscriptions with the hostile names that the store admits, and prints those behind them.
"""

import json
import sys

from eventstore.model.errors import EventStoreError
from eventstore.model.log import Edge
from eventstore.model.storage import subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from tests import hostile
from tests.contract.stores import storage_of_this_process


def main(topic: str) -> None:
    storage = storage_of_this_process()
    name = storage.log.create_topic(topic).name
    positions = [position.encode() for message in hostile.messages() for position in storage.log.append(name, [message])]
    admitted = []
    for subscription in hostile.NAMES:
        try:
            subscriptions_of(storage).create(name, subscription, type=SubscriptionType.SHARED, start=Edge.EARLIEST)
        except EventStoreError:
            continue
        admitted.append(subscription)
    storage.close()
    print(json.dumps({"positions": positions, "subscriptions": admitted}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
