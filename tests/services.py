"""A service as a user would write it: it consumes a subscription in a thread, and keeps a read model."""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from django.db import connections

from eventstore.model.events import Message
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import SubscriptionType

Model = dict[str, list[bytes]]
"""Payloads by key: those of a key in the order in which they came first."""


class Service:
    """``model`` is what it has built, ``delivered`` what it was given. ``topic``: one or several, read in turn. ``fails_on``:
    events that it acknowledges and forgets, as a service with a bug does."""

    def __init__(
        self,
        storage: Storage,
        topic: str | Sequence[str],
        subscription: str,
        *,
        model: Model | None = None,
        type: SubscriptionType = SubscriptionType.SHARED,
        fails_on: Callable[[Message], bool] = lambda message: False,
    ) -> None:
        self.model: Model = defaultdict(list) if model is None else model
        self.delivered: list[Message] = []
        self._given = storage, [topic] if isinstance(topic, str) else topic, subscription, type
        self._fails_on = fails_on
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"service {subscription}")

    def _serve(self) -> None:
        storage, topics, subscription, type = self._given
        there = subscriptions_of(storage)
        try:
            with ExitStack() as stack:
                opened = [there.consume(topic, subscription, type=type, consumer="service") for topic in topics]
                consumers = [stack.enter_context(one) for one in opened]
                while not self._stop.is_set():
                    for consumer in consumers:
                        for message in consumer.receive(limit=50, timeout=0.2 / len(consumers)):
                            self.delivered.append(message)
                            self._handle(message)
                            consumer.acknowledge(message.position)
        finally:
            connections.close_all()

    def _handle(self, message: Message) -> None:
        there = self.model[message.key or ""]
        if message.payload not in there and not self._fails_on(message):
            there.append(message.payload)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()


def sorted_model(model: Model) -> Model:
    """The read model without the order in which a repaired one got its events."""
    return {key: sorted(payloads) for key, payloads in model.items()}
