"""Publishes a hostile message into a topic of each hostile name that the configured store admits, as a process:
``python -m tests.browser.hostile_topics``. Prints, for each topic, the message's position.
"""

import json

from eventstore.model.errors import InvalidName
from tests import hostile
from tests.contract.stores import storage_of_this_process


def main() -> None:
    storage = storage_of_this_process()
    published: dict[str, str] = {}
    for wanted in hostile.TOPICS:
        try:
            name = storage.log.create_topic(wanted).name
        except InvalidName:
            continue
        payload = json.dumps({"topic": wanted, hostile.SCRIPT: hostile.IMAGE}).encode()
        [position] = storage.log.append(name, [hostile.message(hostile.SCRIPT, payload, event_id=f"in {wanted}")])
        published[name] = position.encode()
    storage.close()
    print(json.dumps(published))  # noqa: T201


if __name__ == "__main__":
    main()
