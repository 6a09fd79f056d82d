"""Publishes ``tests.planted`` into the configured store, as a process: ``python -m tests.browser.planting TOPIC``."""

import sys

from tests.contract.stores import storage_of_this_process


def main(topic: str) -> None:
    storage = storage_of_this_process()
    from tests.planted import plant  # what it imports needs Django, which is set up by now

    plant(storage.log, topic)
    storage.close()


if __name__ == "__main__":
    main(sys.argv[1])
