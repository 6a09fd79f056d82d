"""A client whose producers never send anything twice, not even after an outage.

By itself the client connects a lost producer again about 100 milliseconds later, and then sends everything again whose receipt
had not come. The broker may have stored that before: without deduplication it is there twice. So this client connects once. A
thread looks at its producers a hundred times a second, and closes all as soon as one is disconnected: a closed producer sends
nothing, and what had no receipt fails. If the thread comes too late, the client cannot connect either
(``BrokerConnection.separate_client``). Whoever sends opens everything anew, and looks what has arrived.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import pulsar

from eventstore.drivers.meanwhile import meanwhile
from eventstore.drivers.pulsar.access.needs import Need, publishing
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.names import SCHEME
from eventstore.model.errors import EventStoreError, ResourceBusy, StoreUnreachable

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.01
SPARE_SECONDS = 20.0
"""How long a connection is kept for somebody who is about to need it. An older one may have been dropped, unseen."""
TAKEN = "ProducerBusy"


class ConnectedOnce:
    """Opens producers until it is sealed. Belongs to one thread, except for its own."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._may_connect = True
        self._client = connection.separate_client(lambda: self._may_connect)
        self._producers: list[Any] = []
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="pulsar producer guard", daemon=True)
        self.lost = False
        """Whether a producer was disconnected. Then all are closed."""

    def connect(self, uri: str) -> Self:
        """Connect already, by a question about this topic, which is there."""
        try:
            with self._connection.errors():
                self._client.get_topic_partitions(uri)
        except BaseException:
            self.close()
            raise
        return self

    def producer(self, uri: str, **settings: Any) -> Any:
        """Return a producer. Raises ``ResourceBusy`` if one of its name is connected already."""
        try:
            producer = self._client.create_producer(uri, **settings)
        except pulsar.PulsarException as error:
            raise self.error_of(type(error).__name__, publishing(uri.removeprefix(SCHEME))) from error
        self._producers.append(producer)
        return producer

    def seal(self) -> Self:
        """Make no connection from now on, and watch the producers."""
        self._may_connect = False
        self._watching.start()
        return self

    def error_of(self, kind: str, need: Need | None = None) -> EventStoreError:
        """Return the error for the client's error or result of this name."""
        if kind == TAKEN:
            return ResourceBusy("Another worker still sends for this job. It continues when that one is gone.")
        return self._connection.translated(kind, need)

    def unreachable(self) -> StoreUnreachable:
        return self._connection.unreachable()

    def close(self) -> None:
        """Close the producers and the client. What has no receipt by then is not sent again."""
        self._may_connect = False
        self._ended.set()
        if self._watching.ident is not None:
            self._watching.join()
        try:
            self._client.close()
        except pulsar.PulsarException:
            self._client.shutdown()  # the broker is away, and cannot be told

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            if all(producer.is_connected() for producer in self._producers):
                continue
            self.lost = True
            for producer in self._producers:
                producer._producer.close_async(_ignore)
            return


class SpareClient:
    """A client that is connected before it is needed: to connect takes longer than all else that opens a publisher. There is
    one at most, and whoever takes it closes it. What nobody takes is closed after a while. Belongs to a process."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._spare: tuple[int, Callable[[], ConnectedOnce]] | None = None

    def get_ready(self, uri: str) -> None:
        """Begin to connect, unless that was begun just now and is not used."""
        with self._lock:
            if self._spare is None or self._spare[0] != os.getpid():
                ready = meanwhile(lambda: ConnectedOnce(self._connection).connect(uri))
                self._spare = os.getpid(), ready
                end = threading.Timer(SPARE_SECONDS, self._give_up, [ready])
                end.daemon = True
                end.start()

    def take(self) -> ConnectedOnce:
        """Return it, or a new one where there is none, or where it could not connect."""
        ready = self._taken()
        if ready is not None:
            try:
                return ready()
            except EventStoreError as error:
                log.info("No connection was ready: %s", type(error).__name__)
        return ConnectedOnce(self._connection)

    def close(self) -> None:
        """Close what nobody has taken."""
        ready = self._taken()
        if ready is not None:
            _close(ready)

    def _give_up(self, ready: Callable[[], ConnectedOnce]) -> None:
        with self._lock:
            if self._spare is None or self._spare[1] is not ready:
                return
            self._spare = None
        _close(ready)

    def _taken(self) -> Callable[[], ConnectedOnce] | None:
        with self._lock:
            spare, self._spare = self._spare, None
        return spare[1] if spare is not None and spare[0] == os.getpid() else None


def _close(ready: Callable[[], ConnectedOnce]) -> None:
    with suppress(EventStoreError):  # it could not connect
        ready().close()


def _ignore(result: Any) -> None:
    """The broker's answer to closing is not waited for: the connection is gone."""
