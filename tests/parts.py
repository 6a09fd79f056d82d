"""The parts of a storage: taken out of one, and put together."""

from typing import Generic, TypeVar

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.model.log import Log
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Subscriptions

L = TypeVar("L", bound=Log)


def subscriptions_of(storage: Storage) -> Subscriptions:
    """Return the storage's subscriptions. A test that needs them is skipped for a driver that has none."""
    if storage.subscriptions is None:
        pytest.skip("this driver has no subscriptions")
    return storage.subscriptions


class StorageOver(DatabaseStorage, Generic[L]):
    """The embedded store with a log that a test has changed."""

    log: L

    def __init__(self, log: L) -> None:
        super().__init__()
        self.log = log
