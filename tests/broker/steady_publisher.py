"""Publishes numbered events at a steady rate, each exactly once, whatever happens to the broker.

The bare client resends what was not confirmed with the same sequence number. A broker with deduplication stores it
once.
"""

import threading
import time
from types import TracebackType
from typing import Any, Self

import pulsar

from scripts.pulsar_configuration import DIRECT
from tests.publisher import event

TICK = 0.1


class SteadyPublisher:
    """``with SteadyPublisher(service_url, topic, rate=50) as publisher``: publishes in a thread until ``stop``, on the
    broker's port."""

    def __init__(self, service_url: str, topic: str, *, rate: int) -> None:
        self.rate = rate
        self.sent = 0
        """How many events were handed to the client."""
        self._client = pulsar.Client(
            service_url, listener_name=DIRECT, logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/null")
        )
        self._producer: Any = self._client.create_producer(
            topic, send_timeout_millis=0, max_pending_messages=0, batching_enabled=True, batching_max_publish_delay_ms=10
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="steady publisher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._client.shutdown()

    def stop(self, at_least: int) -> int:
        """Stop once this many events were published. Returns how many there are, all of them in the store."""
        while self.sent < at_least:
            time.sleep(TICK)
        self._stop.set()
        self._thread.join()
        self._producer.flush()
        return self.sent

    def _publish(self) -> None:
        begun = time.monotonic()
        while not self._stop.wait(TICK):
            for _ in range(int((time.monotonic() - begun) * self.rate) - self.sent):
                message = event(self.sent)
                self._producer.send_async(
                    message.payload, None, properties=dict(message.properties), partition_key=message.key
                )
                self.sent += 1
