"""A publisher of numbered events in a process of its own, controlled by its standard input: ``python -m tests.publisher``.

A line is ``{"topic": …, "first": …, "count": …, "partitions": …, "size": …, "document": …}``. It confirms each line
with a line once everything is published.
"""

import json
import subprocess
import sys
from typing import Any

from eventstore.model.events import NewMessage
from tests.contract.stores import storage_of_this_process
from tests.desk_process import Desk

AT_ONCE = 500


class Publisher:
    """Such a process of a desk. It ends with the desk."""

    def __init__(self, desk: Desk) -> None:
        self._process = desk.spawn("publisher", "-m", "tests.publisher", stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def publish(
        self, topic: str, first: int, count: int = 1, *, partitions: int = 1, size: int = 0, document: str = ""
    ) -> None:
        """Publish the events numbered from ``first`` on, of this document or of three. Returns once they are in the store."""
        assert self._process.stdin
        assert self._process.stdout
        told = {
            "topic": topic,
            "first": first,
            "count": count,
            "partitions": partitions,
            "size": size,
            "document": document,
        }
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"done\n"


def event(number: int, size: int = 0, document: str = "") -> NewMessage:
    """Return the event ``e<number>`` of this document, or of ``d0``, ``d1`` or ``d2``. Every tenth has another type."""
    id = document or f"d{number % 3}"
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e{number}",
        "ce_type": "DocumentScanned" if number % 10 == 0 else "DocumentUploaded",
        "ce_source": "/documents",
        "ce_aggregatetype": "document",
        "ce_aggregateid": id,
    }
    payload = json.dumps({"n": number, "secret": f"<b>payload-{number}</b>" + "x" * size}).encode()
    return NewMessage(payload=payload, key=id, properties=properties)


def main() -> None:
    storage = storage_of_this_process()
    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        name = storage.log.create_topic(told["topic"], partitions=told["partitions"]).name
        numbers = range(told["first"], told["first"] + told["count"])
        for start in range(0, len(numbers), AT_ONCE):
            storage.log.append(
                name, [event(number, told["size"], told["document"]) for number in numbers[start : start + AT_ONCE]]
            )
        print("done", flush=True)  # noqa: T201 - its reader waits for this
    storage.close()


if __name__ == "__main__":
    main()
