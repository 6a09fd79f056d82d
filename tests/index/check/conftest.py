"""A store whose index is checked."""

import pytest

from eventstore.index.check import keys
from tests.databases import filled_once
from tests.index.check.checking import COUNT, Shortened, catch_up, publish
from tests.parts import StorageOver


@pytest.fixture(params=["whole segments", "key by key"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageOver[Shortened]:
    """A store with a topic of which everything is indexed; keys are compared in either way."""
    monkeypatch.setattr(keys, "WORTH_READING", 1 if request.param == "whole segments" else 1 << 40)
    storage = StorageOver(Shortened())

    def fill() -> None:
        storage.log.create_topic("patients")
        publish(storage, COUNT)
        catch_up(storage)

    filled_once("a topic of which everything is indexed", fill)
    return storage
