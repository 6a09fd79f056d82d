"""A publisher in a process of its own: ``python -m tests.contract.appender TOPIC NAME COUNT``.

It appends ``NAME:0`` … in calls of one to five messages, under three keys, each message with its number as ``ce_id``.
"""

import sys

from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage
from tests.contract.stores import storage_of_this_process


def publish(storage: Storage, topic: str, name: str, count: int) -> None:
    """Append ``count`` messages in order. The sizes of the calls repeat 1, 2, 3, 4, 5."""
    done = 0
    while done < count:
        upto = min(count, done + 1 + done % 5)
        storage.log.append(topic, [_message(name, number) for number in range(done, upto)])
        done = upto


def _message(name: str, number: int) -> NewMessage:
    key = f"{name}-{number % 3}"
    return NewMessage(payload=f"{name}:{number}".encode(), key=key, properties={"ce_id": f"{name}-{number}"})


if __name__ == "__main__":
    own = storage_of_this_process()
    publish(own, sys.argv[1], sys.argv[2], int(sys.argv[3]))
    own.close()
