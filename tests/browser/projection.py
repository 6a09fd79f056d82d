"""A projection for the tests, as a process: joins a subscription, acknowledges, and prints the id of each event it receives.

``python -m tests.browser.projection TOPIC SUBSCRIPTION [COUNT [stay]]``: ends after COUNT events, or else when it is told to.
With ``stay`` it then stays connected and acknowledges nothing more, as one does that cannot handle the next event.
"""

import sys

from eventstore.model.storage import subscriptions_of
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.stores import storage_of_this_process


def main(topic: str, subscription: str, count: int, *, stay: bool = False) -> None:
    storage = storage_of_this_process()
    name = storage.log.topic(topic).name
    received = 0
    with subscriptions_of(storage).consume(
        name, subscription, type=SubscriptionType.FAILOVER, consumer="projection"
    ) as consumer:
        print("ready", flush=True)  # noqa: T201
        while received < count:
            for message in consumer.receive(limit=min(100, count - received), timeout=0.5):
                consumer.acknowledge(message.position)
                received += 1
                print(message.properties.get("ce_id", ""), flush=True)  # noqa: T201
        while stay:
            consumer.receive(limit=1, timeout=0.5)
    storage.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else sys.maxsize, stay="stay" in sys.argv[4:])
