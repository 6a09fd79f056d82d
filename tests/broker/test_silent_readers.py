"""When a reader for a page stops waiting for what the broker says is there."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pulsar
import pytest

from eventstore.drivers.pulsar.client.raw_readers import (
    DELIVERY_SECONDS,
    READER_NAME,
    SILENCE_SECONDS,
    has_sent_all,
    until_the_end,
)


class Silent:
    """A reader that gets what is ready, then nothing any more, although the broker says that there is more."""

    def __init__(self, *ready: str) -> None:
        self._reader, self.ready, self.waits = self, list(ready), [0]

    def read_next(self, milliseconds: int) -> str:
        if self.ready:
            return self.ready.pop(0)
        self.waits.append(milliseconds)
        raise pulsar.Timeout

    def has_message_available(self) -> bool:
        return True

    def is_connected(self) -> bool:
        return True


@pytest.mark.parametrize(("sent", "seconds"), [(True, SILENCE_SECONDS), (False, DELIVERY_SECONDS)])
def test_a_short_silence_is_the_end_if_the_broker_has_sent_everything(sent: bool, seconds: float) -> None:
    """As behind pieces of a message whose beginning is gone: the client drops them."""
    reader = Silent("a", "b")
    connection: Any = SimpleNamespace()
    assert list(until_the_end(connection, reader, all_sent=lambda: sent)) == ["a", "b"]
    assert sum(reader.waits) / 1000 == pytest.approx(SILENCE_SECONDS + seconds)


def cursor(read: str, *, waits: bool = True) -> Mapping[str, Any]:
    return {"readPosition": read, "waitingReadOp": waits, "markDeletePosition": "7:-1"}


@pytest.mark.parametrize(
    ("cursors", "sent"),
    [
        ({f"{READER_NAME}-1": cursor("7:5")}, True),
        ({f"{READER_NAME}-1": cursor("7:5"), "reports": cursor("7:2")}, True),
        ({f"{READER_NAME}-1": cursor("7:5"), f"{READER_NAME}-2": cursor("7:4")}, False),
        ({f"{READER_NAME}-1": cursor("7:5", waits=False)}, False),
        ({"reports": cursor("7:5")}, False),
        ({}, False),
    ],
)
def test_the_broker_has_sent_everything_if_it_waits_behind_the_end_for_all_of_our_readers(
    cursors: Mapping[str, Any], sent: bool
) -> None:
    ledgers = [{"ledgerId": 7, "entries": 0}]
    assert has_sent_all({"lastConfirmedEntry": "7:4", "ledgers": ledgers, "cursors": cursors}) is sent
