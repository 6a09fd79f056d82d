"""How far behind a subscriber is: only while something waits, or for what was published since it came."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from eventstore.model.events import NO_TIME
from eventstore.tail.subscriber.subscriber import TailSubscriber

TWELVE_MINUTES = timedelta(minutes=12)


def pieces(*published: datetime) -> Any:
    return [SimpleNamespace(entries=[SimpleNamespace(message=SimpleNamespace(published=moment))]) for moment in published]


@pytest.fixture
def subscriber() -> TailSubscriber:
    log: Any = None
    return TailSubscriber(log, [], complete=True)


def test_what_was_there_before_it_came_is_no_lag_once_nothing_more_waits(subscriber: TailSubscriber) -> None:
    assert subscriber._lag_of(pieces(datetime.now(UTC) - TWELVE_MINUTES)) is None


def test_it_is_while_more_waits(subscriber: TailSubscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TailSubscriber, "takes_long", True)
    lag = subscriber._lag_of(pieces(datetime.now(UTC) - TWELVE_MINUTES, datetime.now(UTC) - 2 * TWELVE_MINUTES))
    assert lag is not None
    assert lag // 1000 >= 720


def test_what_was_published_since_has_a_lag(subscriber: TailSubscriber) -> None:
    assert subscriber._lag_of(pieces(datetime.now(UTC))) is not None


def test_a_frame_without_events_has_none_whatever_came_before(subscriber: TailSubscriber) -> None:
    subscriber._lag_of(pieces(datetime.now(UTC)))
    assert subscriber._lag_of([]) is None
    assert subscriber._lag_of(pieces(NO_TIME)) is None
