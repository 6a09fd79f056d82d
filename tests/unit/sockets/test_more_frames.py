"""In a crowd, a page gets a frame more only for what the last one left behind for want of room."""

from collections.abc import Sequence
from typing import Any

import pytest

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frames import Framing
from dashboard.sockets.tail.sender import FrameSender
from eventstore.tail import Counts, Piece, Take
from tests.unit.tail.entries import entries


class Waiting:
    """A subscriber with events, of which a take leaves some or none."""

    def __init__(self, events: int, *, leaves_some: bool) -> None:
        self.has_pending, self._events, self._leaves_some = True, events, leaves_some

    def take(self, room: int | None) -> Take:
        self.has_pending = self._leaves_some
        pieces: Sequence[Piece] = [Piece(entries(range(self._events)))]
        return Take(pieces=pieces, counts=Counts(), places={}, lag_ms=None, state="live")


def after_a_frame(subscriber: Any, *, whole_events: bool = False) -> FrameSender:
    framing = Framing(whole_events=whole_events, profile=AccessProfile(name="support", sees_values=True))
    sender = FrameSender(framing, lambda texts: None, lambda work: None)
    sender.take(subscriber)
    sender.next_frame()
    return sender


@pytest.mark.parametrize(("events", "leaves_some", "more"), [(1, False, False), (1, True, True), (150, False, True)])
def test_what_is_left_for_want_of_room_asks_for_a_frame_more(events: int, leaves_some: bool, more: bool) -> None:
    assert after_a_frame(Waiting(events, leaves_some=leaves_some)).had_no_room is more


def test_what_comes_while_a_frame_waits_for_its_turn_does_not() -> None:
    subscriber = Waiting(1, leaves_some=False)
    sender = after_a_frame(subscriber)
    subscriber.has_pending = True
    assert not sender.had_no_room


def test_scripts_never_do() -> None:
    assert not after_a_frame(Waiting(1, leaves_some=True), whole_events=True).had_no_room
