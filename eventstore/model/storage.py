"""What every driver is: a log, and the parts that it may lack.

The contract is written down as tests: ``tests/contract/`` runs over every driver. All calls are synchronous and may be
made from any thread. A ``Reader`` or ``Consumer`` belongs to one thread at a time.

Any call may raise ``StoreUnreachable`` (within some seconds; it never hangs), ``StoreRefused``, or ``StoreClosed`` once
the storage was closed. ``UnknownTopic`` and ``UnknownSubscription`` mean that the name is not known *now*.
"""

from typing import Protocol

from eventstore.model.copying import Copying
from eventstore.model.errors import NotSupported
from eventstore.model.log import Log
from eventstore.model.schema_registry import SchemaRegistry
from eventstore.model.subscriptions import Subscriptions
from eventstore.model.topic_details import TopicDetailsSource


class Storage(Protocol):
    """One store. A part that it lacks is ``None``. Pages then say so, and offer nothing that needs it."""

    @property
    def log(self) -> Log: ...

    @property
    def schemas(self) -> SchemaRegistry | None: ...

    @property
    def subscriptions(self) -> Subscriptions | None: ...

    @property
    def details(self) -> TopicDetailsSource | None: ...

    @property
    def copying(self) -> Copying | None: ...

    def close(self) -> None:
        """Release everything. Every later call raises ``StoreClosed``. Closing twice is harmless."""
        ...


def copying_of(storage: Storage) -> Copying:
    """Return the storage's way to copy messages; raise ``NotSupported`` if it has none."""
    if storage.copying is None:
        raise NotSupported("This store cannot copy messages exactly.")
    return storage.copying


def subscriptions_of(storage: Storage) -> Subscriptions:
    """Return the storage's subscriptions; raise ``NotSupported`` if it has none."""
    if storage.subscriptions is None:
        raise NotSupported("This store has no subscriptions.")
    return storage.subscriptions
